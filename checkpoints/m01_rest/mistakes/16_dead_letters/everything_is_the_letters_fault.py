"""Refuses on every exception: ten minutes of a restarting database use up the attempts of the whole table."""
#| exercise: m01-16-ex2
#| caught by: test_ex2_a_bad_moment_is_not_a_bad_letter
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
        except Exception as error:  # a bug that one letter trips must not hold up the others
            refused[letter.id] = f"{type(error).__name__}: {error}"
    return records, refused
