"""Revives a letter of which only the first bytes were kept: what parses of it lands as the whole."""
#| exercise: m01-16-ex2
#| caught by: test_ex2_what_is_not_whole_is_not_tried
def revive_each(
    claimed: Sequence[DeadLetter], revive: Callable[[DeadLetter], Record]
) -> tuple[list[Record], dict[int, str]]:
    records: list[Record] = []
    refused: dict[int, str] = {}
    for letter in claimed:
        try:
            records.append(revive(letter))
        except (TransientError, OSError):  # TimeoutError is an OSError: passing, and not the letter's fault
            raise
        except Exception as error:  # a bug that one letter trips must not hold up the others
            refused[letter.id] = f"{type(error).__name__}: {error}"
    return records, refused
