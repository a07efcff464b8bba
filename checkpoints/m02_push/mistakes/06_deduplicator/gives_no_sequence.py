"""Hands the filter dict.keys(), which cannot be sliced: RedisBloom raises, "everything may be", and the filter is off without a word."""
#| exercise: m02-06-ex2
#| caught by: test_ex2_a_filter_is_given_a_sequence
async def maybe_of(seen, keys):
    once = dict.fromkeys(keys)
    if seen is None or not once:
        return list(once)
    try:
        answers = await seen.might_hold(once.keys())
        if len(answers) != len(once) or not all(isinstance(a, bool) for a in answers):
            return list(once)
        return [k for k, a in zip(once, answers) if a]
    except Exception:
        return list(once)
