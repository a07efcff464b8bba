"""Gives the file back whatever happens: the one that a bug trips over ends every run, for ever."""
#| exercise: m02-18-ex3
#| caught by: test_ex3_each_error_is_told_apart
def ending(error: Exception) -> Ending:
    match error:
        case GoneError():
            return Ending.SUPERSEDE
        case CorruptError() | ContractViolationError():
            return Ending.FAIL
        case _:
            return Ending.GIVE_BACK
