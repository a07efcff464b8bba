"""Takes silence for a no: while Redis is down every duplicate is certainly new."""
#| exercise: m02-05-ex3
#| caught by: test_ex3_without_redis_everything_may_be
class RedisBloom:

    def __init__(
        self,
        redis: Redis,
        name: str,
        *,
        capacity: int = 1_000_000,
        error_rate: float = 0.01,
        window_s: float = FOUR_DAYS_S,
        segments: int = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ring = ring_for(capacity, error_rate, window_s, segments)
        self._name = name
        self._keys = ring_keys(name, self.ring)
        self._add = RedisScript(redis, add_script(), clock=clock)
        self._look = RedisScript(redis, look_script(), clock=clock)
        self._is_down = False

    async def might_hold(self, keys: Sequence[Sequence[str]]) -> list[bool]:
        """Say of each key whether it may have been added within the window.

        One round trip for each 1,000 keys, in order. Of keys that Redis could not be asked about the answer is True.

        Raises:
            ConfigurationError: Redis refuses the credentials.
        """
        answers: list[bool] = []
        for start in range(0, len(keys), _KEYS_IN_A_CALL):
            some = keys[start : start + _KEYS_IN_A_CALL]
            try:
                answers += map(bool, await self._look(self._keys, self._arguments(some)))
            except RedisUnavailableError as error:
                self._note(error)
                answers += [False] * len(some)
        return answers

    async def add(self, keys: Sequence[Sequence[str]]) -> None:
        """Put keys in, in one round trip for up to 1,000 of them. Without Redis they are forgotten."""
        for start in range(0, len(keys), _KEYS_IN_A_CALL):
            try:
                await self._add(self._keys, self._arguments(keys[start : start + _KEYS_IN_A_CALL]))
            except RedisUnavailableError as error:
                self._note(error)
                return
        self._is_down = False

    def _arguments(self, keys: Sequence[Sequence[str]]) -> list[int]:
        bits, hashes = self.ring.shape
        lives_ms = (self.ring.segments + 1) * self.ring.span_ms
        arguments = [self.ring.capacity, self.ring.span_ms, bits, hashes, lives_ms]
        for first, second in map(fingerprint, keys):
            arguments += (first % bits, second % bits)
        return arguments

    def _note(self, error: RedisUnavailableError) -> None:
        if not self._is_down:
            self._is_down = True
            _logger.warning("filter %s: nothing is remembered for now: %s", self._name, error)
