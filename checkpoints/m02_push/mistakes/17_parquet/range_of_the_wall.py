"""Checks the years of what the wall showed: in UTC the last hours of 9999 are the year 10000."""
#| exercise: m02-17-ex3
#| caught by: test_ex3_the_years_1_to_9999
def spell_instants(column, zone):
    tz = column.type.tz
    column = column.cast(pa.timestamp("us", tz))
    check_range(column.cast(pa.int64()), _FIRST_DAY * _DAY_US, (_LAST_DAY + 1) * _DAY_US - 1)
    if tz is None:
        if not zone:
            raise ValueError("no zone")
        column = pc.assume_timezone(column, zone)
    texts = column.cast(pa.int64()).cast(pa.timestamp("us")).cast(pa.string())
    return [None if t is None else t.replace(" ", "T") + "Z" for t in texts.to_pylist()]
