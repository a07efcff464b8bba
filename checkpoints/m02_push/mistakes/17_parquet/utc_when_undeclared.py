"""Falls back to UTC when no zone is declared: the guess that everybody makes and nobody notices."""
#| exercise: m02-17-ex3
#| caught by: test_ex3_wall_time_without_a_zone_is_refused
def spell_instants(column: pa.Array, zone: str) -> list[str | None]:
    if column.type.tz is None:
        if not zone:
            zone = "UTC"
        column = pc.assume_timezone(column.cast(pa.timestamp("us")), zone)
    instants = column.cast(pa.timestamp("us", "UTC"))
    check_range(instants.cast(pa.int64()), _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
    spelled: list[str | None] = pc.replace_substring(instants.cast(pa.string()), " ", "T").to_pylist()
    return spelled
