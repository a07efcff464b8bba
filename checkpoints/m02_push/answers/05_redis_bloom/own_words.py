"""Divides the error exactly, rotates with a bounded while loop, and stops asking once Redis is gone."""
#| exercise: m02-05-ex1
def ring_for(capacity: int, error_rate: float, window_s: float, segments: int) -> Ring:
    if segments <= 1 or not window_s > 0 or capacity <= 0 or not 0 < error_rate < 1:
        raise ValueError("no such ring")
    remembering = segments - 1
    part = -(-capacity // remembering)
    shape = shape_for(part, -math.expm1(math.log1p(-error_rate) / segments))
    if shape.bits > 8 * 512 * 2**20:
        raise ValueError("too large for Redis")
    return Ring(segments, shape, part, math.ceil(window_s * 1000 / remembering))


#| exercise: m02-05-ex2
def rotation() -> str:
    return """
local function rotate()
  if began_at > now then began_at = now end
  local passed = now - began_at
  local start, steps = now - passed % span, 0
  while passed >= span and steps < segments do
    next_segment(start)
    passed, steps = passed - span, steps + 1
  end
  if count >= capacity then next_segment(now) end
end
"""


#| exercise: m02-05-ex3
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
        import itertools

        said: list[bool] = []
        rest = iter(keys)
        while some := list(itertools.islice(rest, 1_000)):
            try:
                said.extend(answer == 1 for answer in await self._look(self._keys, self._arguments(some)))
            except RedisUnavailableError as gone:
                self._note(gone)
                return said + [True] * (len(keys) - len(said))
        return said

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
