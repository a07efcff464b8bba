"""Lets Arrow pick the earlier of the two hours in autumn: half of that night is dated an hour off."""
#| exercise: m02-17-ex3
#| caught by: test_ex3_hours_that_do_not_exist_or_come_twice_are_refused
def spell_instants(column: pa.Array, zone: str) -> list[str | None]:
    if column.type.tz is None:
        if not zone:
            raise ValueError("names no time zone, and none is declared")
        column = pc.assume_timezone(column.cast(pa.timestamp("us")), zone, ambiguous="earliest", nonexistent="earliest")
    instants = column.cast(pa.timestamp("us", "UTC"))
    check_range(instants.cast(pa.int64()), _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
    spelled: list[str | None] = pc.replace_substring(instants.cast(pa.string()), " ", "T").to_pylist()
    return spelled
