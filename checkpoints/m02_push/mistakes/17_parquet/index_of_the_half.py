"""Forgets that the right half begins in the middle: the wrong rows are set aside, and the bad ones land as null."""
#| exercise: m02-17-ex2
#| caught by: test_ex2_the_values_at_fault_and_no_other
def set_aside(column: pa.Array, spell: Callable[[pa.Array], list[Any]]) -> tuple[list[Any], dict[int, str]]:
    try:
        return spell(column), {}
    except (ValueError, OverflowError, pa.ArrowException) as error:
        if len(column) == 1:
            return [None], {0: " ".join(str(error).split())[:200]}
    half = len(column) // 2
    left, left_bad = set_aside(column.slice(0, half), spell)
    right, right_bad = set_aside(column.slice(half), spell)
    return left + right, left_bad | {index: reason for index, reason in right_bad.items()}
