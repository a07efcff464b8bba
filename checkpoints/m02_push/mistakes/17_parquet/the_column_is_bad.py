"""Sets the whole column aside when one value is at fault: 799 good rows go with it."""
#| exercise: m02-17-ex2
#| caught by: test_ex2_the_values_at_fault_and_no_other
def set_aside(column: pa.Array, spell: Callable[[pa.Array], list[Any]]) -> tuple[list[Any], dict[int, str]]:
    try:
        return spell(column), {}
    except (ValueError, OverflowError, pa.ArrowException) as error:
        return [None] * len(column), dict.fromkeys(range(len(column)), " ".join(str(error).split())[:200])
