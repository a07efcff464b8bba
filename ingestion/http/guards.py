# Made from solutions/m01_rest/10_client.ipynb: edit it there.
"""What stands before a request, as the client sees it: a rate limiter, a circuit breaker, a stand-in for none."""

from collections.abc import Awaitable
from typing import Protocol

from ingestion.resilience.permit import Permit
from ingestion.resilience.upstream import Verdict

__all__ = ["AlwaysClosed", "Breaker", "Limiter"]


class Limiter(Protocol):
    """What the client asks of a rate limiter, such as `TokenBucket` or `RedisRateLimiter`."""

    async def acquire(self, tokens: int = 1, *, max_wait_s: float) -> float:
        """Wait for leave to send one request, and give the seconds waited; raise at once if that is too long."""

    def penalise(self, wait_s: float) -> Awaitable[None] | None:
        """Let nobody send anything for so many seconds."""


class Breaker(Protocol):
    """What the client asks of a circuit breaker, such as `CircuitBreaker` or `RedisCircuitBreaker`."""

    async def enter(self) -> Permit:
        """Give leave to send one request, or raise `CircuitOpenError`."""


class AlwaysClosed:
    """The breaker of a client that has none."""

    async def enter(self) -> Permit:
        """Give leave."""
        return Permit(_forget)


async def _forget(_: Verdict) -> None:
    pass
