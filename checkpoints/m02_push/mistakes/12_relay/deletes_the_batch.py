"""Deletes the whole batch once it was sent: what Kafka never acknowledged is lost."""
#| exercise: m02-12-ex2
#| caught by: test_ex2_delivered_go_undelivered_stay_refused_are_set_aside
async def settle(connection: Connection, rows: Sequence[OutboxRow], topics: Mapping[int, str], outcome: Outcome) -> None:
    refused = {rows[index].position: (topics[index], reason) for index, reason in outcome.refused.items()}
    async with transaction(connection):
        if refused:
            await set_aside(connection, refused)
            logger.error("%d events set aside, Kafka refuses them: %s", len(refused), next(iter(refused.values())))
        await remove(connection, list(rows))
