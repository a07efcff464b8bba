"""Takes FileNotFoundError for a version that is gone: it is the temporary folder of this machine."""
#| exercise: m02-18-ex3
#| caught by: test_ex3_each_error_is_told_apart
def ending(error):
    match error:
        case GoneError() | FileNotFoundError():
            return Ending.SUPERSEDE
        case CorruptError() | ContractViolationError():
            return Ending.FAIL
        case IngestionError() | OSError():
            return Ending.GIVE_BACK
    return Ending.LEAVE
