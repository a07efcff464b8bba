"""Deletes everything up to the last position: a transaction that began early commits a lower one, which is deleted unread."""
#| exercise: m02-12-ex2
#| caught by: test_ex2_rows_of_others_stay
async def settle(connection: Connection, rows: Sequence[OutboxRow], topics: Mapping[int, str], outcome: Outcome) -> None:
    refused = {rows[index].position: (topics[index], reason) for index, reason in outcome.refused.items()}
    async with transaction(connection):
        if refused:
            await set_aside(connection, refused)
            logger.error("%d events set aside, Kafka refuses them: %s", len(refused), next(iter(refused.values())))
        kept = [rows[index].position for index in outcome.undelivered]
        last = max(row.position for row in rows)
        await connection.execute("DELETE FROM ingestion.outbox WHERE position <= %b AND position <> ALL(%b::int8[])", [last, kept])
