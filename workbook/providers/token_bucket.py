"""The provider's own rate limit: a token bucket on its side of the wire."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

__all__ = ["TokenBucket"]


class TokenBucket:
    """Admits at most `burst + rate_per_s * t` requests in any window of `t` seconds; makes none wait.

    Args:
        rate_per_s: Tokens that come back a second.
        burst: Tokens a full bucket holds; it starts full.
        clock: Seconds on a clock that never goes back.
    """

    def __init__(self, rate_per_s: float, burst: float, clock: Callable[[], float] = time.monotonic) -> None:
        if rate_per_s <= 0 or burst < 1:
            raise ValueError("a rate limit needs rate_per_s > 0 and burst >= 1")
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clock = clock
        self._tokens = burst
        self._filled_at = clock()

    def take(self) -> float:
        """Take one token; returns 0, or the seconds until there will be one."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled_at) * self._rate_per_s)
        self._filled_at = now
        if self._tokens >= 1:
            self._tokens -= 1
            return 0.0
        return (1 - self._tokens) / self._rate_per_s

    def headers(self) -> dict[str, str]:
        """The limit as the IETF draft and as older APIs spell it."""
        left = math.floor(self._tokens)
        full_in_s = math.ceil((self._burst - self._tokens) / self._rate_per_s)
        window_s = math.ceil(self._burst / self._rate_per_s)
        return {
            "RateLimit-Policy": f'"default";q={math.floor(self._burst)};w={window_s}',
            "RateLimit": f'"default";r={left};t={full_in_s}',
            "X-RateLimit-Limit": str(math.floor(self._burst)),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(full_in_s),
        }
