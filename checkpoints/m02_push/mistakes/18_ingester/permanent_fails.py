"""Fails the file for every permanent error, the version that is gone included: the one in its place is never looked for."""
#| exercise: m02-18-ex3
#| caught by: test_ex3_each_error_is_told_apart
def ending(error: Exception) -> Ending:
    match error:
        case CorruptError() | ContractViolationError() | PermanentError():
            return Ending.FAIL
        case IngestionError() | OSError():
            return Ending.GIVE_BACK
        case _:
            return Ending.LEAVE
