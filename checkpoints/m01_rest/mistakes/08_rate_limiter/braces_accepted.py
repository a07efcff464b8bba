"""Trusts the name: `}` ends the tag early, and an empty tag is no tag."""
#| exercise: m01-08-ex1
#| caught by: test_ex1_refuses_names_that_would_move_the_slot
def limit_keys(name: str, count: int) -> list[str]:
    return [f"rate:{{{name}}}:{number}" for number in range(count)]
