"""Sends every key: one with a NUL in it, from whoever likes, and the batch gets no answer."""
#| exercise: m02-06-ex3
#| caught by: test_ex3_a_hostile_key_harms_nobody
async def stored_of(door: Door, keys: Sequence[EventKey]) -> set[EventKey]:
    possible = list(keys)
    if not possible:
        return set()
    try:
        async with transaction(door) as connection:
            columns = [list(column) for column in zip(*possible, strict=True)]
            return {EventKey(*row) for row in await (await connection.execute(_STORED, columns)).fetchall()}
    except IngestionError as error:
        _logger.warning("could not look up %s keys: %s", len(possible), error)
        return set()
