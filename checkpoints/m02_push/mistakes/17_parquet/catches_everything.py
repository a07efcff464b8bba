"""Catches `Exception`: a bug in the program is parked, row by row, as bad data."""
#| exercise: m02-17-ex2
#| caught by: test_ex2_arrow_s_errors_and_overflow_count_and_bugs_do_not
def set_aside(column: pa.Array, spell: Callable[[pa.Array], list[Any]]) -> tuple[list[Any], dict[int, str]]:
    try:
        return spell(column), {}
    except Exception as error:
        if len(column) == 1:
            return [None], {0: " ".join(str(error).split())[:200]}
    half = len(column) // 2
    left, left_bad = set_aside(column.slice(0, half), spell)
    right, right_bad = set_aside(column.slice(half), spell)
    return left + right, left_bad | {half + index: reason for index, reason in right_bad.items()}
