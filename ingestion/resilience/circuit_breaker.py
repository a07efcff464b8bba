# Made from solutions/m01_rest/09_circuit_breaker.ipynb: edit it there.
"""When to stop asking: after too many failures nothing is sent for a while, then one request tries the water.

    closed ──too many failures in the window──> open ──delay over──> half-open: one probe
       ^                                          ^                         │
       ├─────────────── it succeeded ─────────────│─────────────────────────┤
                                                  └── it failed: longer ────┘

The rule is three functions over a `Circuit`: no clock, no lock, no network. `CircuitBreaker` runs it in one
process; `redis_circuit_breaker` runs the same rule for many.
"""

import logging
import random
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from ingestion.errors import CircuitOpenError
from ingestion.resilience.backoff import Uniform
from ingestion.resilience.permit import Permit
from ingestion.resilience.token_bucket import Clock
from ingestion.resilience.upstream import Verdict

__all__ = [
    "PARTS_PER_MILLION",
    "SLICES",
    "BreakerPolicy",
    "Circuit",
    "CircuitBreaker",
    "Numbers",
    "State",
    "admit",
    "circuit_open",
    "draw_jitter_ppm",
    "fails_too_often",
    "logger",
    "settle",
]


logger = logging.getLogger(__name__)

SLICES = 10
_US_PER_S = PARTS_PER_MILLION = 1_000_000


class State(StrEnum):
    """What a circuit does with the next request: send it, refuse it, or send it as the one probe."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Numbers(NamedTuple):
    """A policy as the rule reads it: whole microseconds, whole parts per million."""

    rate_ppm: int
    min_calls: int
    slice_us: int
    delay_us: int
    max_delay_us: int
    lease_us: int


@dataclass(frozen=True)
class BreakerPolicy:
    """When a circuit opens, and for how long.

    Attributes:
        failure_rate: It opens when at least this part of the calls in the window failed, and ...
        min_calls: ... the window holds at least this many.
        window_s: How far back calls count, to within a tenth.
        delay_s: How long it stays open at first; each time in a row that the probe fails, twice as long ...
        max_delay_s: ... up to this. Every delay is drawn between half and all of that.
        probe_lease_s: How long a probe may take before it counts as lost and another may go: longer than one
            attempt's time-out.

    Raises:
        ValueError: a rate outside `0 < failure_rate <= 1`, no calls, a time under 1 ms or over an hour.
    """

    failure_rate: float = 0.5
    min_calls: int = 10
    window_s: float = 30.0
    delay_s: float = 1.0
    max_delay_s: float = 60.0
    probe_lease_s: float = 60.0

    def __post_init__(self) -> None:
        times_s = (self.window_s, self.delay_s, self.max_delay_s, self.probe_lease_s)
        if not (0 < self.failure_rate <= 1 and self.min_calls >= 1 and self.delay_s <= self.max_delay_s):
            raise ValueError(f"want 0 < failure_rate <= 1, min_calls >= 1, delay_s <= max_delay_s, not {self}")
        if not all(0.001 <= time_s <= 3600 for time_s in times_s):
            raise ValueError(f"want every time between 0.001 and 3600 seconds, not {self}")

    def numbers(self) -> Numbers:
        """Give the policy as the rule reads it."""
        times_s = (self.window_s / SLICES, self.delay_s, self.max_delay_s, self.probe_lease_s)
        rate_ppm = round(self.failure_rate * PARTS_PER_MILLION)
        return Numbers(rate_ppm, self.min_calls, *(round(time_s * _US_PER_S) for time_s in times_s))


@dataclass
class Circuit:
    """What a circuit knows. Times are whole microseconds on any clock.

    Every change of state, and every probe, begins a new generation; a verdict counts only in the generation in
    which its request went out. So a slow success from before the outage doesn't close the circuit, and a slow
    failure doesn't open it again.

    Attributes:
        policy: When it opens, and for how long.
        generation: The number that permits carry.
        trips: Openings in a row without closing; 0 means closed.
        retry_at_us: Until when it is open.
        probe_until_us: Until when the probe under way, if any, has its lease.
        window: Calls and failures of each slice of time, by the slice's number.
    """

    policy: Numbers
    generation: int = 0
    trips: int = 0
    retry_at_us: int = 0
    probe_until_us: int = 0
    window: dict[int, tuple[int, int]] = field(default_factory=dict)

    def state(self, now_us: int) -> State:
        """Say what the circuit does at *now_us*."""
        if self.trips == 0:
            return State.CLOSED
        return State.OPEN if now_us < self.retry_at_us else State.HALF_OPEN

    def begin_generation(self, now_us: int) -> None:
        """Make every permit given so far worthless."""
        self.generation = max(self.generation + 1, now_us)  # a circuit forgotten meanwhile never repeats a number

    def open(self, now_us: int, jitter_ppm: int) -> State:
        """Open, for *jitter_ppm* of a delay that doubles with each opening in a row."""
        full_delay_us = min(self.policy.max_delay_us, self.policy.delay_us << min(self.trips, 40))
        self.retry_at_us = now_us + full_delay_us * jitter_ppm // PARTS_PER_MILLION
        self.trips += 1
        self.probe_until_us = 0
        self.window = {}
        self.begin_generation(now_us)
        return State.OPEN

    def close(self, now_us: int) -> State:
        """Close, with an empty window."""
        self.trips = self.retry_at_us = self.probe_until_us = 0
        self.begin_generation(now_us)
        return State.CLOSED


def fails_too_often(circuit: Circuit, now_us: int, *, failed: bool) -> bool:
    """Count one call in the circuit's window, and say whether too many of the calls in it failed.

    The window is the slice of time that *now_us* lies in and the `SLICES - 1` before it; slices are
    `policy.slice_us` long. It has failed too often with at least `policy.min_calls` calls in it, of which at least
    `policy.rate_ppm` parts in a million failed. Slices that are no part of the window any more are forgotten.
    """
    newest = now_us // circuit.policy.slice_us
    window = {at: counts for at, counts in circuit.window.items() if newest - SLICES < at <= newest}
    calls, failures = window.get(newest, (0, 0))
    window[newest] = (calls + 1, failures + failed)
    circuit.window = window
    calls, failures = map(sum, zip(*window.values(), strict=True))
    return calls >= circuit.policy.min_calls and failures * PARTS_PER_MILLION >= circuit.policy.rate_ppm * calls


def admit(circuit: Circuit, now_us: int) -> tuple[int, int]:
    """Ask to send one request: gives the generation to report in, and for how long to stay away (0: send it).

    Closed, everyone goes. Open, nobody does until `retry_at_us`. Then one request goes as the probe, in a
    generation of its own, and has a lease of `policy.lease_us`: until it runs out, or a verdict comes, nobody else
    goes. A clock that stepped back keeps nobody away longer than the longest delay, or a lease.
    """
    if circuit.trips == 0:
        return circuit.generation, 0
    circuit.retry_at_us = min(circuit.retry_at_us, now_us + circuit.policy.max_delay_us)
    circuit.probe_until_us = min(circuit.probe_until_us, now_us + circuit.policy.lease_us)
    free_at_us = max(circuit.retry_at_us, circuit.probe_until_us)
    if now_us < free_at_us:
        return circuit.generation, free_at_us - now_us
    circuit.begin_generation(now_us)
    circuit.probe_until_us = now_us + circuit.policy.lease_us
    return circuit.generation, 0


def settle(circuit: Circuit, now_us: int, generation: int, verdict: Verdict, jitter_ppm: int) -> State | None:
    """Take the verdict on a request admitted in *generation*; gives the new state if that changes it, else None.

    A verdict from another generation counts for nothing. Closed, the circuit opens when it fails too often. A probe
    closes it by succeeding and opens it again by failing; abandoned, it makes room for another probe at once.
    Should the circuit open, it does so for *jitter_ppm* of the full delay.
    """
    if generation != circuit.generation:
        return None
    if circuit.trips == 0:
        if verdict is Verdict.ABANDONED or not fails_too_often(circuit, now_us, failed=verdict is Verdict.FAILED):
            return None
        return circuit.open(now_us, jitter_ppm)
    if verdict is Verdict.FAILED:
        return circuit.open(now_us, jitter_ppm)
    if verdict is Verdict.SUCCEEDED:
        return circuit.close(now_us)
    circuit.probe_until_us = 0
    return None


class CircuitBreaker:
    """A circuit of this process's own. Nothing in it waits, so it needs no lock.

    Args:
        name: What it guards, for messages.
        policy: When it opens, and for how long.
        clock: Seconds, never going back.
        uniform: Draws the part of each full delay for which it stays open.
    """

    def __init__(
        self,
        name: str,
        policy: BreakerPolicy | None = None,
        *,
        clock: Clock = time.monotonic,
        uniform: Uniform = random.uniform,
    ) -> None:
        self.name = name
        self._circuit = Circuit((policy or BreakerPolicy()).numbers())
        self._clock = clock
        self._uniform = uniform

    @property
    def state(self) -> State:
        """What it does with the next request."""
        return self._circuit.state(self._now_us())

    async def enter(self) -> Permit:
        """Ask to send one request, before anything is spent on it: a refusal costs no token and no retry.

        Raises:
            CircuitOpenError: it stays here; `retry_after_s` says when to ask again.
        """
        generation, wait_us = admit(self._circuit, self._now_us())
        if wait_us:
            raise circuit_open(self.name, wait_us)

        async def report(verdict: Verdict) -> None:
            self._settle(generation, verdict)

        return Permit(report)

    def record(self, verdict: Verdict) -> None:
        """Count a call that was let through elsewhere; without effect unless the circuit is closed."""
        if self._circuit.trips == 0:
            self._settle(self._circuit.generation, verdict)

    def _settle(self, generation: int, verdict: Verdict) -> None:
        jitter_ppm = draw_jitter_ppm(self._uniform)
        changed = settle(self._circuit, self._now_us(), generation, verdict, jitter_ppm)
        if changed:
            logger.warning("circuit %s is %s", self.name, changed)

    def _now_us(self) -> int:
        return round(self._clock() * _US_PER_S)


def draw_jitter_ppm(uniform: Uniform) -> int:
    """Draw the part of a full delay for which to stay open, between half and all, in parts per million."""
    return round(uniform(0.5, 1.0) * PARTS_PER_MILLION)


def circuit_open(name: str, wait_us: int) -> CircuitOpenError:
    """Make the error for a request that is not sent."""
    wait_s = wait_us / _US_PER_S
    return CircuitOpenError(f"circuit {name}: not sent, ask again in {wait_s:.3f} s", retry_after_s=wait_s)
