# Made from solutions/m02_push/12_relay.ipynb: edit it there.
"""The pace of a relay: when to rest, for how long after failures, and when to stop."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from ingestion.resilience.backoff import Uniform, full_jitter_s

__all__ = ["Pace", "Wait", "logger"]


Wait = Callable[[float], Awaitable[object]]
"""Waits for something, so many seconds at most."""

logger = logging.getLogger(__name__)


class Pace:
    """Rests that end at once when somebody asks to stop. Failures in a row make them longer, up to *cap_s*."""

    def __init__(self, *, cap_s: float = 10.0, uniform: Uniform = random.uniform) -> None:
        self._stopped = asyncio.Event()
        self._cap_s = cap_s
        self._uniform = uniform
        self._failures = 0

    @property
    def is_stopped(self) -> bool:
        """Whether to begin nothing more."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """Ask to stop."""
        self._stopped.set()

    def succeeded(self) -> None:
        """Forget the failures so far."""
        if self._failures:
            logger.info("events are being published again")
        self._failures = 0

    async def rest_after_failure(self, what: str) -> None:
        """Log the failure and back off."""
        logger.warning("%s", what)
        wait_s = 0.1 + full_jitter_s(self._failures, base_s=0.2, cap_s=self._cap_s, uniform=self._uniform)
        self._failures += 1
        await self.rest(asyncio.sleep, wait_s)

    async def rest(self, wait: Wait, most_s: float) -> None:
        """Wait, but not once stopped."""
        waiting = [asyncio.ensure_future(wait(most_s)), asyncio.ensure_future(self._stopped.wait())]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
