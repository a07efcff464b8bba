"""Lesson m01.09: a circuit opens on a recent share of failures, lets one probe go, and believes nothing that comes late."""

import copy
import random
from collections import Counter

import pytest

from ingestion.resilience.circuit_breaker import (
    PARTS_PER_MILLION,
    SLICES,
    BreakerPolicy,
    Circuit,
    State,
    admit,
    fails_too_often,
    settle,
)
from ingestion.resilience.upstream import Verdict
from workbook.grading import expect

SECOND_US = 1_000_000


@pytest.fixture
def now_us(rng: random.Random) -> int:
    """A moment on some clock."""
    return rng.randrange(10**9, 10**15)


@pytest.fixture
def policy(rng: random.Random) -> BreakerPolicy:
    """A policy with numbers of its own."""
    return BreakerPolicy(
        failure_rate=rng.choice([0.25, 0.5, 0.75]),
        min_calls=rng.randrange(6, 20),
        window_s=rng.choice([5.0, 10.0, 30.0]),
        delay_s=rng.choice([0.5, 1.0, 2.0]),
        max_delay_s=rng.choice([12.0, 60.0]),
        probe_lease_s=rng.choice([3.0, 7.5, 45.0]),
    )


def a_circuit(policy: BreakerPolicy) -> Circuit:
    return Circuit(policy.numbers())


def an_open_one(policy: BreakerPolicy, now_us: int) -> Circuit:
    """A circuit that opened at *now_us* for the whole of its first delay."""
    circuit = a_circuit(policy)
    circuit.open(now_us, PARTS_PER_MILLION)
    return circuit


def a_probing_one(policy: BreakerPolicy, now_us: int) -> Circuit:
    """A circuit whose probe left at *now_us*, prepared here so that exercise 3 stands on its own."""
    circuit = an_open_one(policy, now_us - policy.numbers().delay_us)
    circuit.begin_generation(now_us)
    circuit.probe_until_us = now_us + policy.numbers().lease_us
    return circuit


def test_ex1_a_few_calls_prove_nothing(policy: BreakerPolicy, now_us: int) -> None:
    """However many of them failed, fewer calls than `min_calls` are never too many."""
    circuit = a_circuit(policy)
    answers = [fails_too_often(circuit, now_us, failed=True) for _ in range(policy.min_calls)]
    expect(
        not any(answers[:-1]),
        expected=f"no alarm before call {policy.min_calls} (min_calls), although every call failed",
        came=f"an alarm at call {answers.index(True) + 1 if True in answers else 0}",
        look_at="what a share of very few calls says",
        hint=1,
    )
    expect(
        answers[-1],
        expected=f"an alarm at failed call {policy.min_calls} of {policy.min_calls}: the call itself counts",
        came="none",
        look_at="whether the call is counted before the question is answered",
        hint=2,
    )


def test_ex1_it_is_a_share_and_reaching_it_is_enough(now_us: int, rng: random.Random) -> None:
    """It takes the share that the policy names, exactly reached, and not a number of failures."""
    calls = rng.choice([40, 80, 120])
    for rate, needed in ((0.25, calls // 4), (0.5, calls // 2), (1.0, calls)):
        policy = BreakerPolicy(failure_rate=rate, min_calls=calls)
        for failures, wanted in ((needed, True), (needed - 1, False)):
            circuit = a_circuit(policy)
            outcomes = [True] * failures + [False] * (calls - failures)
            rng.shuffle(outcomes)
            came = [fails_too_often(circuit, now_us, failed=failed) for failed in outcomes][-1]
            expect(
                came is wanted,
                expected=f"{wanted} after {failures} failures of {calls} calls with a failure_rate of {rate}",
                came=came,
                look_at="what is compared with what: failures, or their share of the calls",
                hint=3,
            )


def test_ex1_what_left_the_window_is_forgotten(policy: BreakerPolicy, now_us: int) -> None:
    """A slice counts for ten slices of time, its own included, and no longer."""
    slice_us = policy.numbers().slice_us
    start_us = now_us // slice_us * slice_us
    for later, counts in ((SLICES - 1, True), (SLICES, False)):
        circuit = a_circuit(policy)
        for _ in range(policy.min_calls - 1):
            fails_too_often(circuit, start_us, failed=True)
        came = fails_too_often(circuit, start_us + later * slice_us, failed=True)
        expect(
            came is counts,
            expected=f"failures from {later} slices ago to be {'counted still' if counts else 'forgotten'}",
            came="they are counted" if came else "they are not counted",
            look_at="the oldest slice that is part of the window",
            hint=3,
        )


def test_ex1_trouble_across_the_edge_of_a_slice_is_seen(policy: BreakerPolicy, now_us: int) -> None:
    """Calls in different slices of one window are added up."""
    slice_us, circuit = policy.numbers().slice_us, a_circuit(policy)
    answers = [
        fails_too_often(circuit, now_us + number * slice_us * (SLICES - 1) // policy.min_calls, failed=True)
        for number in range(policy.min_calls)
    ]
    expect(
        answers[-1],
        expected=f"an alarm after {policy.min_calls} failures spread over a whole window",
        came="none",
        look_at="what happens to the other slices when a new one begins",
        hint=2,
    )


def test_ex1_agrees_with_a_long_memory(policy: BreakerPolicy, rng: random.Random) -> None:
    """Any history gives what counting the list of all calls would give, and the window stays small."""
    numbers, circuit, calls, at_us = policy.numbers(), a_circuit(policy), list[tuple[int, bool]](), 10**9
    for number in range(400):
        at_us += rng.choice([0, 1000, numbers.slice_us // 3, numbers.slice_us, 4 * numbers.slice_us])
        failed = rng.random() < 0.45
        calls.append((at_us // numbers.slice_us, failed))
        recent = [failed for at, failed in calls if at > calls[-1][0] - SLICES]
        wanted = len(recent) >= numbers.min_calls and (
            sum(recent) * PARTS_PER_MILLION >= numbers.rate_ppm * len(recent)
        )
        came = fails_too_often(circuit, at_us, failed=failed)
        expect(
            bool(came) is wanted,
            expected=f"{wanted} for {sum(recent)} failures of {len(recent)} calls in the window",
            came=f"{came} at call {number}, with {circuit.window}",
            look_at="the sum over the slices of the window",
            hint=2,
        )
        expect(
            len(circuit.window) <= SLICES,
            expected=f"at most {SLICES} slices remembered",
            came=f"{len(circuit.window)}",
            look_at="slices that are no part of the window any more",
            hint=2,
        )


def test_ex1_slices_from_the_future_are_no_part_of_it(policy: BreakerPolicy, now_us: int) -> None:
    """After the clock has stepped back, what was counted on the old clock is forgotten."""
    circuit = a_circuit(policy)
    for _ in range(policy.min_calls):
        fails_too_often(circuit, now_us, failed=True)
    came = fails_too_often(circuit, now_us - 3_600 * SECOND_US, failed=True)
    expect(
        came is False and len(circuit.window) == 1,
        expected="no alarm, and one slice, at the first call after the clock stepped back an hour",
        came=f"{came}, {len(circuit.window)} slices",
        look_at="both ends of the window",
        hint=3,
    )


def waits_of(circuit: Circuit, now_us: int, callers: int = 100) -> list[int]:
    """How long each of *callers* that ask at the same moment has to stay away."""
    return [admit(circuit, now_us)[1] for _ in range(callers)]


def test_ex2_closed_everyone_goes(policy: BreakerPolicy, now_us: int) -> None:
    """A closed circuit lets everyone go, all in the generation that it has."""
    circuit = a_circuit(policy)
    circuit.begin_generation(now_us - SECOND_US)
    generation = circuit.generation
    answers = {admit(circuit, now_us + number) for number in range(100)}
    expect(
        answers == {(generation, 0)},
        expected=f"({generation}, 0) for each of 100 calls",
        came=f"{sorted(answers)[:3]}",
        look_at="what trips == 0 means, and when a generation begins",
        hint=2,
    )


def test_ex2_open_nobody_goes_and_all_are_told_for_how_long(
    policy: BreakerPolicy, now_us: int, rng: random.Random
) -> None:
    """Until the delay is over nobody goes, and each is told exactly how much of it is left."""
    circuit, delay_us = an_open_one(policy, now_us), policy.numbers().delay_us
    for later_us in [*sorted(rng.randrange(delay_us) for _ in range(20)), delay_us - 1]:
        came = set(waits_of(circuit, now_us + later_us, 10))
        expect(
            came == {delay_us - later_us},
            expected=f"a wait of {delay_us - later_us} us, {later_us} us after it opened for {delay_us} us",
            came=f"{sorted(came)}",
            look_at="how long until retry_at_us",
            hint=2,
        )


def test_ex2_a_long_delay_is_kept(policy: BreakerPolicy, now_us: int) -> None:
    """After several openings in a row the delay is as long as it was made, up to the longest."""
    circuit = a_circuit(policy)
    for _ in range(6):
        circuit.open(now_us, PARTS_PER_MILLION)
        wanted_us = circuit.retry_at_us - now_us
        _, came_us = admit(circuit, now_us)
        expect(
            came_us == wanted_us,
            expected=f"a wait of {wanted_us} us after opening {circuit.trips} times in a row",
            came=f"{came_us} us",
            look_at="which of the policy's times is the latest that retry_at_us can honestly be",
            hint=3,
        )


def test_ex2_the_later_of_the_two(policy: BreakerPolicy, now_us: int) -> None:
    """A lease that has run out opens no door before `retry_at_us`."""
    circuit = an_open_one(policy, now_us)
    circuit.probe_until_us = now_us - 1
    _, came_us = admit(circuit, now_us)
    wanted_us = circuit.retry_at_us - now_us
    expect(
        came_us == wanted_us,
        expected=f"a wait of {wanted_us} us: the circuit is open, and the lease of an old probe is past",
        came=f"{came_us} us",
        look_at="the later of the two moments",
        hint=2,
    )


def test_ex2_then_one_of_a_hundred_goes(policy: BreakerPolicy, now_us: int) -> None:
    """When the delay is over exactly one call goes, and the others wait for its lease."""
    circuit = an_open_one(policy, now_us)
    over_us, lease_us = now_us + policy.numbers().delay_us, policy.numbers().lease_us
    answers = [admit(circuit, over_us) for _ in range(100)]
    came = Counter(wait_us for _, wait_us in answers)
    expect(
        came[0] == 1,
        expected="1 of 100 calls to go at the moment when the delay is over",
        came=f"{came[0]}",
        look_at="what the one that goes leaves behind for the next one",
        hint=2,
    )
    expect(
        came[lease_us] == 99,
        expected=f"99 to stay away for the probe's lease of {lease_us} us",
        came=f"waits in us: {sorted(came)}",
        look_at="until when the probe may be silent",
        hint=1,
    )
    expect(
        circuit.generation == answers[0][0],
        expected="the circuit to stay in the generation of its probe while the others are turned away",
        came=f"generation {circuit.generation}, the probe's is {answers[0][0]}",
        look_at="who begins a generation, and whose verdict counts then",
        hint=3,
    )


def test_ex2_a_lost_probe_is_replaced_when_its_lease_is_over(policy: BreakerPolicy, now_us: int) -> None:
    """A probe of which nothing is heard keeps the others away for its lease, and then one other goes."""
    circuit = an_open_one(policy, now_us)
    left_us, lease_us = now_us + policy.numbers().delay_us + 17, policy.numbers().lease_us
    admit(circuit, left_us)
    came = waits_of(circuit, left_us + lease_us - 1)
    expect(
        came == [1] * 100,
        expected="nobody to go 1 us before the lease is over",
        came=f"{came.count(0)} of 100 gone",
        look_at="probe_until_us",
        hint=1,
    )
    came = waits_of(circuit, left_us + lease_us)
    expect(
        came.count(0) == 1,
        expected="exactly one other probe when the lease is over",
        came=f"{came.count(0)} of 100 gone",
        look_at="who may go if the one that went never comes back",
        hint=1,
    )


def test_ex2_each_probe_has_a_generation_of_its_own(policy: BreakerPolicy, now_us: int) -> None:
    """A probe reports in a generation in which no other request was sent, and the circuit is in it too."""
    circuit = a_circuit(policy)
    seen = [admit(circuit, now_us)[0]]
    circuit.open(now_us, PARTS_PER_MILLION)
    seen.append(circuit.generation)
    at_us = now_us + policy.numbers().delay_us
    for number in range(3):
        generation, wait_us = admit(circuit, at_us + number * policy.numbers().lease_us)
        seen.append(generation)
        expect(wait_us == 0, expected=f"probe {number + 1} to go", came=f"a wait of {wait_us} us", hint=2)
        expect(
            circuit.generation == generation,
            expected="the probe to carry the generation that the circuit is in",
            came=f"{generation}, and the circuit is in {circuit.generation}",
            look_at="what is begun before the answer is given",
            hint=3,
        )
    expect(
        len(set(seen)) == len(seen),
        expected="five generations: before the opening, after it, and one for each of three probes",
        came=f"{len(set(seen))}",
        look_at="whose verdict it is when a lost probe reports after all",
        hint=1,
    )


@pytest.mark.parametrize("probing", [False, True], ids=["open", "probing"])
def test_ex2_a_clock_that_stepped_back_keeps_nobody_away_for_long(
    probing: bool, policy: BreakerPolicy, now_us: int, rng: random.Random
) -> None:
    """After the clock stepped back by hours, nobody waits longer than the longest delay or a lease, and then one goes."""
    circuit, numbers = an_open_one(policy, now_us), policy.numbers()
    if probing:
        admit(circuit, now_us + numbers.delay_us)
    back_us = now_us - rng.randrange(3_600, 7_200) * SECOND_US
    longest_us = max(numbers.max_delay_us, numbers.lease_us)
    _, wait_us = admit(circuit, back_us)
    expect(
        0 < wait_us <= longest_us,
        expected=f"a wait of at most {longest_us // SECOND_US} s after the clock stepped back",
        came=f"{wait_us / SECOND_US:.0f} s",
        look_at="where retry_at_us and probe_until_us can honestly be, seen from now",
        hint=3,
    )
    came = waits_of(circuit, back_us + wait_us)
    expect(
        came.count(0) == 1,
        expected="one to go after waiting as long as it was told",
        came=f"{came.count(0)} of 100; the others are told {max(came) / SECOND_US:.1f} s",
        look_at="whether the corrected times are kept",
        hint=3,
    )


@pytest.mark.parametrize("phase", ["closed", "open", "probing"])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_ex3_a_verdict_from_another_generation_counts_for_nothing(
    phase: str, verdict: Verdict, policy: BreakerPolicy, now_us: int
) -> None:
    """What was sent in another generation changes nothing, whatever comes of it and whenever."""
    circuit = a_probing_one(policy, now_us)
    old = circuit.generation - 1
    if phase == "open":
        old = circuit.generation
        circuit.open(now_us, PARTS_PER_MILLION)
    elif phase == "closed":
        old = circuit.generation
        circuit.close(now_us)
    before = copy.deepcopy(circuit)
    for other, which in ((old, "an older"), (circuit.generation + 1, "a later")):
        changed = settle(circuit, now_us + 1, other, verdict, PARTS_PER_MILLION)
        expect(
            changed is None and circuit == before,
            expected=f"a {phase} circuit to stay as it is when a request from {which} generation has {verdict}",
            came=f"{changed or 'no new state'}, and {circuit}",
            look_at="what the server looked like when that request left",
            hint=2,
        )


def test_ex3_a_probe_that_succeeds_closes(policy: BreakerPolicy, now_us: int) -> None:
    """One success of the probe closes the circuit, and its last bad time is forgotten."""
    circuit = a_probing_one(policy, now_us)
    changed = settle(circuit, now_us + 5, circuit.generation, Verdict.SUCCEEDED, PARTS_PER_MILLION)
    expect(
        changed is State.CLOSED and circuit.state(now_us + 5) is State.CLOSED,
        expected="closed, after the probe succeeded",
        came=f"{changed}; the circuit says {circuit.state(now_us + 5)}",
        look_at="what one success of a probe proves",
        hint=2,
    )
    expect(not circuit.window, expected="an empty window after closing", came=circuit.window, hint=2)
    circuit = a_probing_one(policy, now_us)
    changed = settle(circuit, now_us - 3_600 * SECOND_US, circuit.generation, Verdict.SUCCEEDED, PARTS_PER_MILLION)
    expect(
        changed is State.CLOSED,
        expected="closed, also where the clock stepped back before the probe reported",
        came=changed,
        look_at="what says that this is the probe: the clock, or `trips`",
        hint=2,
    )


def test_ex3_one_failed_probe_opens_for_longer(policy: BreakerPolicy, now_us: int) -> None:
    """Each failed probe opens the circuit again, without a minimum of calls, for twice as long up to the longest delay."""
    circuit, numbers, at_us = an_open_one(policy, now_us), policy.numbers(), now_us
    for failed in range(1, 12):
        at_us = max(at_us, circuit.retry_at_us)
        circuit.begin_generation(at_us)
        circuit.probe_until_us = at_us + numbers.lease_us
        changed = settle(circuit, at_us, circuit.generation, Verdict.FAILED, PARTS_PER_MILLION)
        expect(
            changed is State.OPEN and circuit.state(at_us) is State.OPEN,
            expected=f"open again, after probe {failed} failed",
            came=f"{changed}; the circuit says {circuit.state(at_us)}",
            look_at="how many failures a probe needs to prove its point",
            hint=2,
        )
        wanted_us = min(numbers.delay_us << failed, numbers.max_delay_us)
        expect(
            circuit.retry_at_us - at_us == wanted_us,
            expected=f"a delay of {wanted_us} us after {failed} failed probes in a row",
            came=f"{circuit.retry_at_us - at_us} us",
            look_at="what the circuit's own open() does",
            hint=2,
        )
    circuit = a_probing_one(policy, now_us)
    settle(circuit, now_us, circuit.generation, Verdict.FAILED, PARTS_PER_MILLION // 2)
    wanted_us = min(numbers.delay_us << 1, numbers.max_delay_us) // 2
    expect(
        circuit.retry_at_us - now_us == wanted_us,
        expected=f"a delay of {wanted_us} us: half a million millionths of the full one",
        came=f"{circuit.retry_at_us - now_us} us",
        look_at="what jitter_ppm is for",
        hint=2,
    )


def test_ex3_an_abandoned_probe_makes_room_at_once(policy: BreakerPolicy, now_us: int) -> None:
    """A probe that was cancelled proves nothing: the state stays, and no lease keeps the next one away."""
    circuit = a_probing_one(policy, now_us)
    trips = circuit.trips
    changed = settle(circuit, now_us + 5, circuit.generation, Verdict.ABANDONED, PARTS_PER_MILLION)
    expect(
        changed is None and circuit.trips == trips and circuit.state(now_us + 5) is State.HALF_OPEN,
        expected="half-open still, after the probe was abandoned",
        came=f"{changed or 'no new state'}; the circuit says {circuit.state(now_us + 5)}",
        look_at="what a cancelled request tells about the server",
        hint=1,
    )
    expect(
        circuit.probe_until_us <= now_us + 5,
        expected="room for another probe at once",
        came=f"{circuit.probe_until_us - now_us - 5} us of the lease to wait for",
        look_at="who holds the lease of a probe that was abandoned",
        hint=3,
    )


def test_ex3_abandoned_calls_are_not_counted(policy: BreakerPolicy, now_us: int) -> None:
    """Calls that were cancelled neither open a closed circuit nor dilute the share of those that failed."""
    circuit = a_circuit(policy)
    for _ in range(1000):
        changed = settle(circuit, now_us, circuit.generation, Verdict.ABANDONED, PARTS_PER_MILLION)
        expect(changed is None, expected="no change by an abandoned call", came=changed, hint=1)
    expect(
        not circuit.window,
        expected="an empty window after 1,000 abandoned calls",
        came=circuit.window,
        look_at="what 1,000 cancelled calls tell about the server, when the next 10 fail",
        hint=1,
    )


def test_ex3_closed_it_opens_once_when_calls_fail_too_often(
    policy: BreakerPolicy, now_us: int, rng: random.Random
) -> None:
    """The failed call that makes too many opens the circuit, for the drawn part of its delay; those behind it change nothing."""
    circuit, jitter_ppm = a_circuit(policy), rng.randrange(500_000, PARTS_PER_MILLION)
    generation = circuit.generation
    changes = [
        settle(circuit, now_us + number, generation, Verdict.FAILED, jitter_ppm)
        for number in range(2 * policy.min_calls)
    ]
    wanted = [None] * (policy.min_calls - 1) + [State.OPEN] + [None] * policy.min_calls
    expect(
        changes == wanted,
        expected=f"one change, to open, at failure {policy.min_calls}",
        came=f"{[(number + 1, str(state)) for number, state in enumerate(changes) if state]}",
        look_at="calls that were under way when the circuit opened",
        hint=2,
    )
    wanted_us = policy.numbers().delay_us * jitter_ppm // PARTS_PER_MILLION
    delay_us = circuit.retry_at_us - (now_us + policy.min_calls - 1)
    expect(
        delay_us == wanted_us,
        expected=f"open for {wanted_us} us: {jitter_ppm} millionths of the delay",
        came=f"{delay_us} us",
        look_at="what jitter_ppm is for",
        hint=2,
    )


def test_ex3_successes_are_counted_too(now_us: int) -> None:
    """Nine good calls of ten keep the circuit closed, however many fail in all."""
    policy = BreakerPolicy(failure_rate=0.5, min_calls=10)
    circuit = a_circuit(policy)
    for number in range(500):
        verdict = Verdict.FAILED if number % 10 == 9 else Verdict.SUCCEEDED
        changed = settle(circuit, now_us, circuit.generation, verdict, PARTS_PER_MILLION)
        expect(
            changed is None,
            expected="closed, while nine calls of ten succeed",
            came=f"{changed} at call {number + 1}",
            look_at="which verdicts go into the window",
            hint=2,
        )
