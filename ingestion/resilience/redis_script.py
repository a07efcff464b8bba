# Made from solutions/m01_rest/08_rate_limiter.ipynb: edit it there.
"""A rule that many processes share: a Lua script that Redis runs whole, in one round trip."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    NoPermissionError,
    NoScriptError,
    RedisError,
)

from ingestion.errors import ConfigurationError, TransientError

__all__ = ["RedisScript", "RedisUnavailableError", "redis_at"]


def redis_at(url: str) -> Redis:
    """Make a client of the Redis at *url* for scripts; it connects when it is first asked. Close it with `aclose`.

    Raises:
        ConfigurationError: the URL has an option that is wrong or unknown.
    """
    try:
        # With a socket timeout, redis-py waits by `asyncio.wait_for`, which before Python 3.12 swallows a
        # cancellation now and then. The scripts keep a time limit of their own.
        redis = Redis.from_url(url, socket_connect_timeout=1, socket_timeout=None)
        redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # only here are options looked at
    except (TypeError, ValueError, RedisError):
        raise ConfigurationError("REDIS_URL has an option that is wrong: want redis://host:port/number") from None
    return redis


class RedisUnavailableError(TransientError):
    """Redis did not run the script in time, or refuses to (failing over, full, loading)."""


class RedisScript:
    """A Lua script in one Redis.

    A call costs one round trip, and two when Redis does not know the script (first use, `SCRIPT FLUSH`,
    failover), which no caller notices. Nothing is waited for longer than *timeout_s*. After a call that Redis
    did not answer, the others fail at once for *pause_s*, so an outage costs one time-out a second and not
    one a request.

    A call that was cut off may or may not have been carried out. Make the client with `redis_at`.
    """

    def __init__(
        self,
        redis: Redis,
        text: str,
        *,
        timeout_s: float = 0.5,
        pause_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._text = text
        self._script = redis.register_script(text)
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._clock = clock
        self._paused_until_s = -float("inf")
        self._reason = ""

    async def __call__(self, keys: Sequence[str], arguments: Sequence[int | str]) -> Any:
        """Run the script and give its answer.

        Raises:
            RedisUnavailableError: no answer in time, or none wanted so soon after the last failure.
            ConfigurationError: Redis refuses the credentials, or denies them this command.
        """
        if self._clock() < self._paused_until_s:
            raise RedisUnavailableError(f"Redis is left alone for a moment after {self._reason}", request_sent=False)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._run(keys, arguments)
        except (AuthenticationError, AuthorizationError, NoPermissionError) as error:
            raise ConfigurationError(f"Redis refuses these credentials: {error}; set REDIS_URL") from error
        except (RedisError, OSError, TimeoutError) as error:
            self._paused_until_s = self._clock() + self._pause_s
            self._reason = str(error) or f"no answer within {self._timeout_s} s"
            raise RedisUnavailableError(f"Redis did not run a script: {self._reason}") from error

    async def _run(self, keys: Sequence[str], arguments: Sequence[int | str]) -> Any:
        try:
            return await self._redis.evalsha(self._script.sha, len(keys), *keys, *arguments)
        except NoScriptError:  # sent whole, not loaded first: a flush in between could not lose it again
            return await self._redis.eval(self._text, len(keys), *keys, *arguments)
