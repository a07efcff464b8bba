"""Finds out by inserting: the question itself makes the event a duplicate."""
#| exercise: m02-06-ex3
#| caught by: test_ex3_a_row_on_its_way_is_not_stored
async def stored_of(door: Door, keys: Sequence[EventKey]) -> set[EventKey]:
    possible = [key for key in keys if _fits_a_row(key)]
    if not possible:
        return set()
    try:
        async with transaction(door) as connection:
            found = set()
            for key in possible:
                sql = "INSERT INTO ingestion.records VALUES (%s, %s, %s, '{}', now(), '') ON CONFLICT DO NOTHING"
                if (await connection.execute(sql, key)).rowcount == 0:
                    found.add(key)
            return found
    except IngestionError as error:
        _logger.warning("could not look up %s keys: %s", len(possible), error)
        return set()
