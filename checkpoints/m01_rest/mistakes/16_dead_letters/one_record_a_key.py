"""Keeps the records in a dict by their keys: of two letters of one row, one is marked as redriven and never landed."""
#| exercise: m01-16-ex2
#| caught by: test_ex2_two_letters_of_one_row_are_two_records
def revive_each(
    claimed: Sequence[DeadLetter], revive: Callable[[DeadLetter], Record]
) -> tuple[list[Record], dict[int, str]]:
    records: list[Record] = []
    refused: dict[int, str] = {}
    for letter in claimed:
        if letter.raw_size_bytes > len(letter.raw):
            refused[letter.id] = f"too large to keep whole: {letter.raw_size_bytes} bytes, {len(letter.raw)} kept"
            continue
        try:
            records.append(revive(letter))
        except (TransientError, OSError):  # TimeoutError is an OSError: passing, and not the letter's fault
            raise
        except Exception as error:  # a bug that one letter trips must not hold up the others
            refused[letter.id] = f"{type(error).__name__}: {error}"
    return list({record.key: record for record in records}.values()), refused
