"""Puts the declared zone on columns that name their own: it strips the zone first, and moves every instant."""
#| exercise: m02-17-ex3
#| caught by: test_ex3_every_unit_and_zone_as_the_same_instant
def spell_instants(column: pa.Array, zone: str) -> list[str | None]:
    if column.type.tz is None and not zone:
        raise ValueError("names no time zone, and none is declared")
    if zone:
        column = pc.assume_timezone(column.cast(pa.timestamp("us")), zone)
    instants = column.cast(pa.timestamp("us", "UTC"))
    check_range(instants.cast(pa.int64()), _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
    spelled: list[str | None] = pc.replace_substring(instants.cast(pa.string()), " ", "T").to_pylist()
    return spelled
