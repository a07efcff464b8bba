"""Says of every bad value what was wrong with the whole column: the first one's reason, for all of them."""
#| exercise: m02-17-ex2
#| caught by: test_ex2_reasons_are_each_value_s_own_in_one_line
def set_aside(column: pa.Array, spell: Callable[[pa.Array], list[Any]]) -> tuple[list[Any], dict[int, str]]:
    try:
        return spell(column), {}
    except (ValueError, OverflowError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        if len(column) == 1:
            return [None], {0: reason}
    half = len(column) // 2
    left, left_bad = set_aside(column.slice(0, half), spell)
    right, right_bad = set_aside(column.slice(half), spell)
    return left + right, dict.fromkeys([*left_bad, *(half + index for index in right_bad)], reason)
