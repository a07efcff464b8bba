"""Lesson m01.04: waits that double, stay capped, and never fall into step."""

import random

import pytest

from ingestion.resilience.backoff import decorrelated_jitter_s, exponential_ceiling_s, full_jitter_s
from workbook.grading import expect


def test_ex1_doubles_from_the_base(rng: random.Random) -> None:
    """The ceiling starts at the base and doubles with each failed attempt."""
    base_s = rng.uniform(0.05, 0.5)
    for attempt in range(6):
        wanted = base_s * 2**attempt
        came = exponential_ceiling_s(attempt, base_s=base_s, cap_s=1000.0)
        expect(
            came == pytest.approx(wanted),
            expected=f"{wanted:.3f} s after failed attempt {attempt} with base {base_s:.3f} s",
            came=came,
            look_at="what the first attempt is called: 0 or 1",
            hint=2,
        )


def test_ex1_stops_at_the_cap(rng: random.Random) -> None:
    """The ceiling is never above the cap, and reaches it exactly."""
    base_s, cap_s = rng.uniform(0.05, 0.5), rng.uniform(5.0, 50.0)
    ceilings = [exponential_ceiling_s(attempt, base_s=base_s, cap_s=cap_s) for attempt in range(40)]
    expect(
        max(ceilings) == cap_s,
        expected=f"{cap_s:.2f} s, the cap, as the longest of 40 ceilings",
        came=max(ceilings),
        look_at="min() of what",
        hint=2,
    )
    expect(ceilings == sorted(ceilings), expected="ceilings that never go down", came=ceilings, hint=2)


def test_ex1_right_for_any_base_and_cap(rng: random.Random) -> None:
    """Wherever the cap lies, the ceiling doubles all the way up to it."""
    base_s = rng.uniform(0.5, 1.5)
    for low_s, cap_s in ((base_s, base_s), (base_s, 37.0), (base_s / 1e6, 1e6 * base_s), (base_s, 3_600.0)):
        for attempt in range(50):
            wanted = min(cap_s, low_s * 2**attempt)
            came = exponential_ceiling_s(attempt, base_s=low_s, cap_s=cap_s)
            expect(
                came == pytest.approx(wanted),
                expected=f"{wanted:g} s after failed attempt {attempt} with base {low_s:g} s and cap {cap_s:g} s",
                came=came,
                look_at="the attempt at which your ceiling becomes the cap",
                hint=2,
            )


def test_ex1_any_attempt_however_late() -> None:
    """A worker that has failed for a year still gets its cap, not an OverflowError."""
    for attempt in (1_100, 10_000, 10**9):
        try:
            came: object = exponential_ceiling_s(attempt, base_s=0.1, cap_s=20.0)
        except OverflowError as error:
            came = f"OverflowError: {error}"
        expect(
            came == 20.0,
            expected=f"20.0 s after failed attempt {attempt:,}",
            came=came,
            look_at="whether 2**attempt is worked out before it is compared with the cap",
            hint=2,
        )


@pytest.mark.parametrize(
    ("attempt", "base_s", "cap_s", "why"),
    [
        (-1, 0.1, 20.0, "attempt -1"),
        (0, 0.0, 20.0, "base_s=0: a busy loop against someone else's server"),
        (0, -1.0, 20.0, "base_s=-1"),
        (0, 5.0, 1.0, "a cap below the base: two numbers swapped"),
    ],
)
def test_ex1_refuses_nonsense(attempt: int, base_s: float, cap_s: float, why: str) -> None:
    """Numbers that make no sense are refused with ValueError."""
    try:
        came: object = exponential_ceiling_s(attempt, base_s=base_s, cap_s=cap_s)
    except ValueError:
        return
    expect(
        False,
        expected=f"a ValueError for {why}",
        came=came,
        look_at="what a caller would do with that wait",
        hint=1,
    )


def test_ex2_uses_the_whole_interval(rng: random.Random) -> None:
    """At the cap, 1,000 draws are spread evenly from zero to the cap."""
    cap_s = rng.uniform(5.0, 50.0)
    draws = [full_jitter_s(50, base_s=0.1, cap_s=cap_s, uniform=rng.uniform) for _ in range(1000)]
    different = len(set(draws))
    expect(
        different >= 990,
        expected="1,000 clients at the cap to get at least 990 different waits",
        came=f"{different} different waits",
        look_at="whether the cap is applied to the interval or to the draw",
        hint=2,
    )
    mean = sum(draws) / len(draws)
    expect(
        abs(mean - cap_s / 2) < 0.05 * cap_s,
        expected=f"a mean wait of half the cap ({cap_s / 2:.1f} s)",
        came=f"{mean:.1f} s",
        look_at="where the interval starts",
        hint=2,
    )
    expect(
        min(draws) < 0.05 * cap_s and max(draws) > 0.95 * cap_s,
        expected=f"waits all the way from 0 to {cap_s:.1f} s",
        came=f"waits from {min(draws):.1f} to {max(draws):.1f} s",
        look_at="how much of the silence between two towers is used",
        hint=2,
    )


def test_ex2_spreads_every_wait_evenly(rng: random.Random) -> None:
    """After each failed attempt, the first included, the draws fill the interval from zero to the ceiling evenly."""
    base_s = rng.uniform(0.3, 0.6)
    for attempt in range(4):
        ceiling_s = exponential_ceiling_s(attempt, base_s=base_s, cap_s=30.0)
        draws = [full_jitter_s(attempt, base_s=base_s, cap_s=30.0, uniform=rng.uniform) for _ in range(2_000)]
        quarters = [sum(part <= 4 * draw / ceiling_s < part + 1 for draw in draws) / 2_000 for part in range(4)]
        expect(
            all(0.19 < share < 0.31 for share in quarters),
            expected=f"a quarter of the waits in each quarter of 0 to {ceiling_s:.2f} s after failed attempt {attempt}",
            came=", ".join(f"{share:.0%}" for share in quarters),
            look_at="where the interval begins and ends, and how many draws make a wait",
            hint=3,
        )


def test_ex2_stays_below_the_ceiling(rng: random.Random) -> None:
    """A wait is never above its attempt's ceiling, nor below zero."""
    for attempt in range(10):
        ceiling_s = exponential_ceiling_s(attempt, base_s=0.2, cap_s=30.0)
        draws = [full_jitter_s(attempt, base_s=0.2, cap_s=30.0, uniform=rng.uniform) for _ in range(200)]
        expect(
            min(draws) >= 0 and max(draws) <= ceiling_s,
            expected=f"waits between 0 and {ceiling_s:.1f} s after failed attempt {attempt}",
            came=f"waits from {min(draws):.2f} to {max(draws):.2f} s",
            look_at="what is added after drawing",
            hint=3,
        )


def test_ex2_replays_with_the_same_randomness(seed: int) -> None:
    """The same *uniform* gives the same waits, so that a test can replay them."""
    first, second = random.Random(seed), random.Random(seed)
    one = [full_jitter_s(attempt, uniform=first.uniform) for attempt in range(8)]
    two = [full_jitter_s(attempt, uniform=second.uniform) for attempt in range(8)]
    expect(
        one == two,
        expected="the same waits from two generators with one seed",
        came=[one[:2], two[:2]],
        look_at="which generator draws",
    )


def test_ex3_between_base_and_three_times_the_previous(rng: random.Random) -> None:
    """The next wait lies between the base and three times the previous one, and uses all of that."""
    base_s, previous_s = rng.uniform(0.1, 0.3), rng.uniform(1.0, 3.0)
    draws = [decorrelated_jitter_s(previous_s, base_s=base_s, cap_s=100.0, uniform=rng.uniform) for _ in range(1000)]
    expect(
        base_s <= min(draws) and max(draws) <= 3 * previous_s,
        expected=f"waits between {base_s:.2f} and {3 * previous_s:.2f} s after a wait of {previous_s:.2f} s",
        came=f"waits from {min(draws):.2f} to {max(draws):.2f} s",
        look_at="the two bounds",
        hint=3,
    )
    mean, middle = sum(draws) / len(draws), (base_s + 3 * previous_s) / 2
    expect(
        abs(mean - middle) < 0.05 * 3 * previous_s,
        expected=f"a mean wait near {middle:.2f} s",
        came=f"{mean:.2f} s",
        hint=3,
    )


def test_ex3_waits_at_the_cap_still_differ(rng: random.Random) -> None:
    """Clients whose last wait was the cap do not get the same wait again."""
    cap_s = rng.uniform(5.0, 50.0)
    draws = [decorrelated_jitter_s(cap_s, base_s=0.1, cap_s=cap_s, uniform=rng.uniform) for _ in range(1000)]
    different = len(set(draws))
    expect(
        different >= 990 and max(draws) <= cap_s,
        expected=f"at least 990 different waits, none above the cap of {cap_s:.1f} s",
        came=f"{different} different waits, the longest {max(draws):.1f} s",
        look_at="what min(cap, draw) does to every draw above the cap",
        hint=2,
    )


def test_ex3_the_first_wait_has_no_previous(rng: random.Random) -> None:
    """A previous wait of zero, or of less than the base, counts as the base."""
    base_s = rng.uniform(0.1, 0.5)
    for previous_s in (0.0, base_s / 10, base_s / 2):
        draws = [decorrelated_jitter_s(previous_s, base_s=base_s, cap_s=100.0, uniform=rng.uniform) for _ in range(500)]
        expect(
            base_s <= min(draws) and 2.5 * base_s < max(draws) <= 3 * base_s,
            expected=f"waits between {base_s:.2f} and {3 * base_s:.2f} s after {previous_s:.2f} s, less than the base",
            came=f"waits from {min(draws):.2f} to {max(draws):.2f} s",
            look_at="what three times nothing is, and three times next to nothing",
            hint=3,
        )


def test_ex3_replays_with_the_same_randomness(seed: int) -> None:
    """The same *uniform* gives the same waits, so that a test can replay them."""
    first, second = random.Random(seed), random.Random(seed)
    one = [decorrelated_jitter_s(previous_s, uniform=first.uniform) for previous_s in range(8)]
    two = [decorrelated_jitter_s(previous_s, uniform=second.uniform) for previous_s in range(8)]
    expect(
        one == two,
        expected="the same waits from two generators with one seed",
        came=[one[:2], two[:2]],
        look_at="which generator draws",
    )
