"""Deletes what Kafka refuses and logs it: the only copy of the event is a line in a log that nobody reads."""
#| exercise: m02-12-ex2
#| caught by: test_ex2_delivered_go_undelivered_stay_refused_are_set_aside
async def settle(connection: Connection, rows: Sequence[OutboxRow], topics: Mapping[int, str], outcome: Outcome) -> None:
    refused = {rows[index].position: (topics[index], reason) for index, reason in outcome.refused.items()}
    async with transaction(connection):
        if refused:
            logger.error("%d events set aside, Kafka refuses them: %s", len(refused), next(iter(refused.values())))
        await remove(connection, [row for index, row in enumerate(rows) if index not in outcome.undelivered])
