# Made from solutions/m01_rest/04_backoff.ipynb: edit it there.
"""How long to wait before the next attempt, so that many clients do not come back at the same moment."""

import math
import random
from collections.abc import Callable

__all__ = ["Uniform", "decorrelated_jitter_s", "exponential_ceiling_s", "full_jitter_s"]


Uniform = Callable[[float, float], float]


def exponential_ceiling_s(attempt: int, *, base_s: float, cap_s: float) -> float:
    """Give the longest wait after failed attempt number *attempt* (0 is the first): `min(cap_s, base_s * 2**attempt)`.

    Defined for any attempt, however late.

    Raises:
        ValueError: a negative attempt, `base_s <= 0`, or `cap_s < base_s`.
    """
    if attempt < 0 or not 0 < base_s <= cap_s:
        raise ValueError(f"want attempt >= 0 and 0 < base_s <= cap_s, not {attempt=}, {base_s=}, {cap_s=}")
    # The power is computed only where it stays below the cap: 2**1100 does not fit a float.
    return cap_s if attempt >= math.log2(cap_s / base_s) else base_s * 2**attempt


def full_jitter_s(
    attempt: int, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform
) -> float:
    """Draw the wait after failed attempt number *attempt* evenly from zero to its ceiling.

    Source:
        "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    return uniform(0.0, exponential_ceiling_s(attempt, base_s=base_s, cap_s=cap_s))


def decorrelated_jitter_s(
    previous_s: float, *, base_s: float = 0.1, cap_s: float = 20.0, uniform: Uniform = random.uniform
) -> float:
    """Draw the next wait evenly between *base_s* and three times the previous wait, or *cap_s* if that is less.

    The cap bounds the interval, not the draw, so that waits at the cap still differ. A *previous_s* below *base_s*
    (the first wait has none: pass 0) counts as *base_s*.
    """
    return uniform(base_s, min(cap_s, 3 * max(base_s, previous_s)))
