"""Lesson m01.05: what a server's request for patience means, whatever it writes and whatever its clock says."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from ingestion.resilience.retry_after import read_reset, read_retry_after, retry_after_s
from workbook.grading import expect


@pytest.fixture
def answered_at(rng: random.Random) -> datetime:
    """A whole second, some time after the present."""
    return datetime(2026, 1, 5, 12, tzinfo=UTC) + timedelta(seconds=rng.randrange(10**8))


def _imf(moment: datetime) -> str:
    return format_datetime(moment, usegmt=True)


def _rfc850(moment: datetime) -> str:
    return f"{moment:%A}, {moment.day:02}-{_imf(moment)[8:11]}-{moment:%y %H:%M:%S} GMT"


def _asctime(moment: datetime) -> str:
    return f"{_imf(moment)[:3]} {_imf(moment)[8:11]} {moment.day:2} {moment:%H:%M:%S %Y}"


def _outcome(call: Callable[[], Any]) -> Any:
    """What *call* gives, or the error it ends with, in words."""
    try:
        return call()
    except NotImplementedError:
        raise
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _expect_wait(came: Any, wanted: float | None, what: str, look_at: str, hint: int) -> None:
    same = came is None if wanted is None else isinstance(came, float | int) and came == pytest.approx(wanted)
    expect(
        same,
        expected=f"{'None (back off as usual)' if wanted is None else f'{wanted:g} s'} for {what}",
        came=came,
        look_at=look_at,
        hint=hint,
    )


def test_ex1_whole_seconds(rng: random.Random, answered_at: datetime) -> None:
    """A whole number is that many seconds, with space around it or zeros before it."""
    for spelling in ("{}", " {} ", "\t{}", "00{}"):
        wait_s = rng.randrange(1, 100_000)
        value = spelling.format(wait_s)
        came = _outcome(lambda value=value: read_retry_after(value, answered_at))
        _expect_wait(came, wait_s, repr(value), "the white space", 2)


@pytest.mark.parametrize("spelled", [_imf, _rfc850, _asctime])
def test_ex1_the_three_dates(spelled: Callable[[datetime], str], rng: random.Random, answered_at: datetime) -> None:
    """Each of the three date forms is as many seconds as it lies after the answer."""
    for wait_s in (1, rng.randrange(2, 5_000), rng.randrange(5_000, 10**6)):
        value = spelled(answered_at + timedelta(seconds=wait_s))
        came = _outcome(lambda value=value: read_retry_after(value, answered_at))
        _expect_wait(came, wait_s, f"{value!r}, answered at {_imf(answered_at)!r}", "what `http_date` gives", 2)


def test_ex1_what_cannot_be_obeyed(rng: random.Random, answered_at: datetime) -> None:
    """Zero, negative and fractional numbers, past dates and garbage are no answer."""
    passed = answered_at - timedelta(seconds=rng.randrange(1, 10**6))
    hopeless = ["0", "000", "-1", f"-{rng.randrange(2, 900)}", "1.5", "0.5", "1e3", "+5", "0x10", "٣٠", "²", "1_000"]
    hopeless += ["", " ", ",", "soon", "120 seconds", "nan", "inf", "Mon, 32 Jan 2026 12:00:00 GMT", "-5, -6"]
    hopeless += [_imf(answered_at), *(spelled(passed) for spelled in (_imf, _rfc850, _asctime))]
    for value in hopeless:
        came = _outcome(lambda value=value: read_retry_after(value, answered_at))
        _expect_wait(came, None, repr(value), "what a retry loop does with what you return", 1)


def test_ex1_the_longer_of_two(rng: random.Random, answered_at: datetime) -> None:
    """Two numbers in one value ask for the longer wait, in either order."""
    shorter, longer = rng.randrange(1, 50), rng.randrange(51, 500)
    for value in (f"{shorter}, {longer}", f"{longer},{shorter}", f"0, {longer}, {shorter}"):
        came = _outcome(lambda value=value: read_retry_after(value, answered_at))
        _expect_wait(came, longer, repr(value), "which of the waits obeys both", 2)


@pytest.mark.parametrize("digits", [23, 400, 5_000])
def test_ex1_any_number_of_digits(digits: int, answered_at: datetime) -> None:
    """A number of any length is a very long wait, and no error."""
    came = _outcome(lambda: read_retry_after("1" + "0" * digits, answered_at))
    expect(
        isinstance(came, float | int) and came >= 1e23,
        expected=f"a very long wait for a 1 with {digits} zeros",
        came=came,
        look_at="`whole_number`, which is given",
        hint=2,
    )


def test_ex2_seconds_from_now(rng: random.Random, answered_at: datetime) -> None:
    """Up to 1e9 it is seconds from now."""
    for wait_s in (1, rng.randrange(2, 100_000), 1_000_000_000):
        came = _outcome(lambda wait_s=wait_s: read_reset(f" {wait_s} ", "0", answered_at))
        _expect_wait(came, wait_s, f"reset {wait_s}", "how a Unix time is told from a wait", 2)


def test_ex2_unix_time(rng: random.Random, answered_at: datetime) -> None:
    """Above 1e9 it is the Unix time, above 1e11 the same in milliseconds; both are counted from the answer."""
    wait_s = rng.randrange(1, 100_000)
    reset = int(answered_at.timestamp()) + wait_s
    for value, unit in ((f"{reset}", "seconds"), (f"{reset}000", "milliseconds")):
        came = _outcome(lambda value=value: read_reset(value, "0", answered_at))
        what = f"reset {value} (Unix time in {unit}), answered at {int(answered_at.timestamp())}"
        _expect_wait(came, wait_s, what, "the order of the two steps", 2)


def test_ex2_a_quota_with_a_rest_is_no_reason(rng: random.Random, answered_at: datetime) -> None:
    """What counts is a quota that is used up, or whose rest is not given."""
    wait_s = rng.randrange(1, 3_600)
    for remaining, wanted in (
        (f"{rng.randrange(1, 5_000)}", None),
        ("1", None),
        ("0", wait_s),
        ("", wait_s),
        (" 0 ", wait_s),
    ):
        came = _outcome(lambda remaining=remaining: read_reset(f"{wait_s}", remaining, answered_at))
        _expect_wait(came, wanted, f"reset {wait_s}, remaining {remaining!r}", "what *remaining* says", 2)


@pytest.mark.parametrize("digits", [23, 400, 5_000])
def test_ex2_any_number_of_digits(digits: int, answered_at: datetime) -> None:
    """A reset of any length is a very long wait, and no error."""
    came = _outcome(lambda: read_reset("1" + "0" * digits, "0", answered_at))
    expect(
        isinstance(came, float | int) and came >= 1e19,
        expected=f"a very long wait for a reset of 1 with {digits} zeros",
        came=came,
        look_at="`whole_number`, which is given, and whether that moment is in the calendar",
        hint=2,
    )


def test_ex2_what_makes_no_sense(rng: random.Random, answered_at: datetime) -> None:
    """A reset that is past, zero or no whole number is no answer."""
    passed = int(answered_at.timestamp()) - rng.randrange(0, 100_000)
    for value in (f"{passed}", f"{passed}000", "0", "", "-5", "45.5", "tomorrow", _imf(answered_at)):
        came = _outcome(lambda value=value: read_reset(value, "0", answered_at))
        _expect_wait(came, None, f"reset {value!r}", "what a retry loop does with what you return", 1)


def test_ex3_on_the_servers_clock(rng: random.Random, answered_at: datetime) -> None:
    """Dates and Unix times are compared with the response's Date, however wrong our clock is."""
    wait_s = rng.randrange(1, 3_600)
    until = answered_at + timedelta(seconds=wait_s)
    for headers in ({"Retry-After": _imf(until)}, {"X-RateLimit-Reset": str(int(until.timestamp()))}):
        for skew_s in (-3_600, 3_600, rng.randrange(-(10**6), 10**6)):
            dated = {**headers, "Date": _imf(answered_at)}
            wrong = answered_at + timedelta(seconds=skew_s)
            came = _outcome(lambda dated=dated, wrong=wrong: retry_after_s(dated, now=lambda: wrong))
            _expect_wait(came, wait_s, f"{dated}, our clock off by {skew_s} s", "whose now is subtracted", 3)


def test_ex3_our_clock_stands_in(rng: random.Random, answered_at: datetime) -> None:
    """Without a Date that can be read, *now* is called."""
    wait_s = rng.randrange(1, 3_600)
    asked = {"Retry-After": _imf(answered_at + timedelta(seconds=wait_s))}
    for headers in (asked, {**asked, "Date": "yesterday"}, {**asked, "Date": ""}):
        came = _outcome(lambda headers=headers: retry_after_s(headers, now=lambda: answered_at))
        _expect_wait(came, wait_s, str(headers), "what to do without a Date", 3)


def test_ex3_never_less_than_was_asked(rng: random.Random, answered_at: datetime) -> None:
    """A wait that is no whole number of seconds is not cut short."""
    wait_s = rng.randrange(1, 3_600)
    asked = {"Retry-After": _imf(answered_at + timedelta(seconds=wait_s))}
    now = answered_at + timedelta(seconds=0.25)
    came = _outcome(lambda: retry_after_s(asked, now=lambda: now))
    expect(
        isinstance(came, float | int) and wait_s - 0.25 <= came <= wait_s,
        expected=f"at least {wait_s - 0.25:g} s where a date is that far away",
        came=came,
        look_at="what becomes of the fraction of a second",
        hint=1,
    )


def test_ex3_the_order_of_precedence(rng: random.Random, answered_at: datetime) -> None:
    """Retry-After wins over RateLimit, that over X-RateLimit-Reset, and that over RateLimit-Reset."""
    waits = rng.sample(range(1, 3_600), 4)
    names = ["Retry-After", "RateLimit", "X-RateLimit-Reset", "RateLimit-Reset"]
    values = [f"{waits[0]}", f'"default";r=0;t={waits[1]}', f"{waits[2]}", f"{waits[3]}"]
    pairs = list(zip(names, values, strict=True))
    for first, wait_s in enumerate(waits):
        headers = dict(rng.sample(pairs[first:], 4 - first))
        came = _outcome(lambda headers=headers: retry_after_s(headers, now=lambda: answered_at))
        _expect_wait(came, wait_s, str(headers), "which of the headers wins", 3)


def test_ex3_a_useless_header_hides_none(rng: random.Random, answered_at: datetime) -> None:
    """A header that says nothing usable counts as absent."""
    wait_s = rng.randrange(1, 3_600)
    for useless in ("0", "-1", "soon", _imf(answered_at - timedelta(seconds=9)), "1.5"):
        headers = {"Retry-After": useless, "Date": _imf(answered_at), "X-RateLimit-Reset": f"{wait_s}"}
        came = _outcome(lambda headers=headers: retry_after_s(headers, now=lambda: answered_at))
        _expect_wait(came, wait_s, str(headers), "when the next header is asked", 3)
    useless_ones = {"Retry-After": "0", "RateLimit": '"default";r=5;t=9', "X-RateLimit-Reset": "0"}
    for name in ("X-RateLimit-Reset", "RateLimit-Reset"):
        headers = {**useless_ones, name: f"{wait_s}"}
        came = _outcome(lambda headers=headers: retry_after_s(headers, now=lambda: answered_at))
        _expect_wait(came, wait_s, str(headers), "when the next header is asked", 3)


def test_ex3_each_quota_has_its_own_rest(rng: random.Random, answered_at: datetime) -> None:
    """The rest that goes with X-RateLimit-Reset is X-RateLimit-Remaining, and so without the X."""
    wait_s = rng.randrange(1, 3_600)
    for prefix in ("X-RateLimit-", "RateLimit-"):
        for remaining, wanted in (("0", wait_s), ("17", None)):
            headers = {f"{prefix}Reset": f"{wait_s}", f"{prefix}Remaining": remaining}
            came = _outcome(lambda headers=headers: retry_after_s(headers, now=lambda: answered_at))
            _expect_wait(came, wanted, str(headers), "which two headers belong together", 3)


def test_ex3_names_have_no_case(rng: random.Random, answered_at: datetime) -> None:
    """Header names are compared without regard to case, in any mapping."""
    wait_s = rng.randrange(1, 3_600)
    asked = {"Retry-After": _imf(answered_at + timedelta(seconds=wait_s)), "Date": _imf(answered_at)}
    for change in (str.lower, str.upper, str.title):
        headers = {change(name): value for name, value in asked.items()}
        came = _outcome(lambda headers=headers: retry_after_s(headers, now=lambda: datetime(2020, 1, 1, tzinfo=UTC)))
        _expect_wait(came, wait_s, str(headers), "a plain dict, which is not an httpx.Headers", 3)


def test_ex3_nothing_said(answered_at: datetime) -> None:
    """Headers that ask for nothing give None."""
    for headers in ({}, {"Date": _imf(answered_at)}, {"X-RateLimit-Remaining": "0"}, {"Content-Type": "text/html"}):
        came = _outcome(lambda headers=headers: retry_after_s(headers, now=lambda: answered_at))
        _expect_wait(came, None, str(headers), "what absent headers are read as", 3)
