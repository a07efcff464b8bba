"""Gives back for a TransientError only: a wrong key in the settings, or a full disk, uses up the attempts of good files."""
#| exercise: m02-18-ex3
#| caught by: test_ex3_each_error_is_told_apart
from ingestion.errors import TransientError


def ending(error: Exception) -> Ending:
    match error:
        case GoneError():
            return Ending.SUPERSEDE
        case CorruptError() | ContractViolationError():
            return Ending.FAIL
        case TransientError():
            return Ending.GIVE_BACK
        case _:
            return Ending.LEAVE
