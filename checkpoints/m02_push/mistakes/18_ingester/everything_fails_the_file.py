"""Fails the file whatever happens: ten minutes without S3, and every file of the night waits for a person."""
#| exercise: m02-18-ex3
#| caught by: test_ex3_each_error_is_told_apart
def ending(error: Exception) -> Ending:
    match error:
        case GoneError():
            return Ending.SUPERSEDE
        case CorruptError() | ContractViolationError():
            return Ending.FAIL
        case _:
            return Ending.FAIL
