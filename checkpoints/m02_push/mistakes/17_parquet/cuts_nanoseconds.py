"""Casts with `safe=False`, which cuts nanoseconds off: two events at different times become one."""
#| exercise: m02-17-ex3
#| caught by: test_ex3_nothing_finer_than_a_microsecond
def spell_instants(column: pa.Array, zone: str) -> list[str | None]:
    if column.type.tz is None:
        if not zone:
            raise ValueError("names no time zone, and none is declared")
        column = pc.assume_timezone(column.cast(pa.timestamp("us"), safe=False), zone)
    instants = column.cast(pa.timestamp("us", "UTC"), safe=False)
    check_range(instants.cast(pa.int64()), _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
    spelled: list[str | None] = pc.replace_substring(instants.cast(pa.string()), " ", "T").to_pylist()
    return spelled
