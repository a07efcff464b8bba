"""Compares types: a narrower error, added next year, becomes a bug that nobody knows."""
#| exercise: m02-18-ex3
#| caught by: test_ex3_each_error_is_told_apart
def ending(error):
    if type(error) is GoneError:
        return Ending.SUPERSEDE
    if type(error) in (CorruptError, ContractViolationError):
        return Ending.FAIL
    if isinstance(error, (IngestionError, OSError)):
        return Ending.GIVE_BACK
    return Ending.LEAVE
