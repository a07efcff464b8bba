"""Goes through a column that failed value by value: correct, and 2,000 attempts for one bad row."""
#| exercise: m02-17-ex2
#| caught by: test_ex2_few_attempts
def set_aside(column: pa.Array, spell: Callable[[pa.Array], list[Any]]) -> tuple[list[Any], dict[int, str]]:
    try:
        return spell(column), {}
    except (ValueError, OverflowError, pa.ArrowException) as error:
        if len(column) == 1:
            return [None], {0: " ".join(str(error).split())[:200]}
    spelled, bad = [], {}
    for index in range(len(column)):
        values, refused = set_aside(column.slice(index, 1), spell)
        spelled += values
        bad |= {index: reason for reason in refused.values()}
    return spelled, bad
