"""Believes the filter: what may be stored is said to be stored, and is dropped."""
#| exercise: m02-06-ex3
#| caught by: test_ex3_gives_what_is_stored_and_nothing_else, test_ex3_a_row_on_its_way_is_not_stored
async def stored_of(door: Door, keys: Sequence[EventKey]) -> set[EventKey]:
    possible = [key for key in keys if _fits_a_row(key)]
    if not possible:
        return set()
    try:
        async with transaction(door) as connection:
            columns = [list(column) for column in zip(*possible, strict=True)]
            await connection.execute(_STORED, columns)
            return set(possible)
    except IngestionError as error:
        _logger.warning("could not look up %s keys: %s", len(possible), error)
        return set()
