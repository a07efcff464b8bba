"""Looks for the id alone: GitHub's 1 is Stripe's 1, and one of the two is dropped."""
#| exercise: m02-06-ex3
#| caught by: test_ex3_gives_what_is_stored_and_nothing_else
async def stored_of(door: Door, keys: Sequence[EventKey]) -> set[EventKey]:
    possible = [key for key in keys if _fits_a_row(key)]
    if not possible:
        return set()
    try:
        async with transaction(door) as connection:
            columns = [list(column) for column in zip(*possible, strict=True)]
            sql = "SELECT key FROM ingestion.records WHERE key = ANY (%s)"
            there = {row[0] for row in await (await connection.execute(sql, columns[2:])).fetchall()}
            return {key for key in possible if key.key in there}
    except IngestionError as error:
        _logger.warning("could not look up %s keys: %s", len(possible), error)
        return set()
