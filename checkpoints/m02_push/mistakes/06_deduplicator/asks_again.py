"""Asks a filter that failed once more: the batch waits twice for what only spares work."""
#| exercise: m02-06-ex2
#| caught by: test_ex2_a_filter_that_fails_says_maybe
async def maybe_of(seen, keys):
    once = list(dict.fromkeys(keys))
    if seen is None or not once:
        return once
    for _ in range(2):
        try:
            answers = await seen.might_hold(once)
            if len(answers) == len(once) and all(isinstance(a, bool) for a in answers):
                return [k for k, a in zip(once, answers) if a]
        except Exception:
            pass
    return once
