"""Ends the last year at the midnight that begins its last day."""
#| exercise: m02-17-ex3
#| caught by: test_ex3_the_years_1_to_9999
def spell_instants(column: pa.Array, zone: str) -> list[str | None]:
    if column.type.tz is None:
        if not zone:
            raise ValueError("names no time zone, and none is declared")
        column = pc.assume_timezone(column.cast(pa.timestamp("us")), zone)
    instants = column.cast(pa.timestamp("us", "UTC"))
    check_range(instants.cast(pa.int64()), _FIRST_DAY * _DAY_US, _LAST_DAY * _DAY_US)
    spelled: list[str | None] = pc.replace_substring(instants.cast(pa.string()), " ", "T").to_pylist()
    return spelled
