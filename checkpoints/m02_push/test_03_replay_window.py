"""Lesson m02.03: what a signed request is worth at a given moment."""

import hmac
import random
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingestion.webhooks.providers import SCHEMES, Claim, Refused
from ingestion.webhooks.replay_window import (
    NO_ID,
    NO_TIMESTAMP,
    UNSIGNED,
    UNTIMELY,
    is_timely,
    parse_timestamp,
    refusal_at,
)
from ingestion.webhooks.signatures import Secret
from workbook.grading import expect

KEY, OTHER_KEY = b"0123456789abcdef0123456789abcdef", b"fedcba9876543210fedcba9876543210"
TIMED = ("standard", "stripe", "slack")


def moment(rng: random.Random) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(10**8))


def parsed(text: bytes) -> object:
    try:
        return parse_timestamp(text)
    except (ValueError, TypeError, OverflowError) as error:
        return f"{type(error).__name__}: {error}"


def test_ex1_digits_are_a_number(rng: random.Random) -> None:
    """1 to 12 digits are the number they spell."""
    numbers = [0, 7, 10**12 - 1, *(rng.randrange(10**digits) for digits in range(1, 13))]
    for number in numbers:
        came = parsed(b"%d" % number)
        expect(came == number, expected=f"{number} for {b'%d' % number!r}", came=came, look_at="the length", hint=3)


def test_ex1_anything_else_is_none(rng: random.Random) -> None:
    """Signs, spaces, underscores, fractions, other digits, nothing, too many digits: None, and no exception."""
    at = b"%d" % (1_700_000_000 + rng.randrange(10**8))
    for text in (
        b"",
        b" " + at,
        at + b"\n",
        b"+" + at,
        b"-" + at,
        at[:4] + b"_" + at[4:],
        at[:4] + b"\xff" + at[4:],
        at + "é".encode(),
        at + b".9",
        at + b"e0",
        b"nan",
        b"inf",
        b"0x17",
        "１７７２４５２８００".encode(),
        "²".encode(),
        b"\xb2",
        b"\xff",
        b"1" * 13,
        b"0" * 12 + b"1",
        b"9" * 5_000,
    ):
        came = parsed(text)
        expect(
            came is None,
            expected=f"None for {text[:20]!r}",
            came=came,
            look_at="what int() and float() accept, and what they raise",
            hint=2,
        )


def test_ex2_both_ends_are_in(rng: random.Random) -> None:
    """The tolerance itself is timely on either side; a second or a millisecond more is not."""
    tolerance_s = rng.randrange(10, 1000)
    now = moment(rng)
    now_s = int(now.timestamp())
    for apart_s, wanted in (
        (-tolerance_s - 1, False),
        (-tolerance_s, True),
        (0, True),
        (tolerance_s, True),
        (tolerance_s + 1, False),
    ):
        came = is_timely(now_s + apart_s, now, tolerance_s=tolerance_s)
        expect(
            came is wanted,
            expected=f"{wanted} for a request dated {apart_s:+} s from now, tolerance {tolerance_s} s",
            came=came,
            look_at="both sides, and < or <=",
            hint=3,
        )
    for past in (timedelta(milliseconds=1), timedelta(microseconds=1)):
        came = is_timely(now_s - tolerance_s, now + past, tolerance_s=tolerance_s)
        expect(
            came is False,
            expected=f"False {past.microseconds} us past the tolerance of {tolerance_s} s",
            came=came,
            look_at="what is rounded",
            hint=3,
        )
    came = is_timely(now_s, now + timedelta(milliseconds=400), tolerance_s=0.5)
    expect(came is True, expected="True at 0.4 s, tolerance 0.5 s", came=came, look_at="what is rounded", hint=3)


def test_ex2_the_future_too(rng: random.Random) -> None:
    """A request dated years ahead is not timely, now or until its day has come."""
    now = moment(rng)
    ahead_s = int(now.timestamp()) + rng.randrange(1, 20) * 31_536_000
    for later in (timedelta(0), timedelta(minutes=6), timedelta(days=90)):
        came = is_timely(ahead_s, now + later)
        expect(
            came is False,
            expected=f"False for a request dated years ahead, sent again after {later}",
            came=came,
            look_at="the sign of the difference",
            hint=1,
        )


def test_ex2_five_minutes_unless_told_otherwise(rng: random.Random) -> None:
    """Without a tolerance it is 300 seconds."""
    now = moment(rng)
    for apart_s, wanted in ((300, True), (-300, True), (301, False), (-301, False)):
        came = is_timely(int(now.timestamp()) + apart_s, now)
        expect(came is wanted, expected=f"{wanted} for {apart_s:+} s", came=came, look_at="TOLERANCE_S", hint=3)


def test_ex2_instants_not_clock_faces(rng: random.Random) -> None:
    """`now` may be told in any time zone."""
    now = moment(rng)
    for hours in (-8, 0, 9):
        told = now.astimezone(timezone(timedelta(hours=hours)))
        came = is_timely(int(now.timestamp()), told)
        expect(came is True, expected=f"True, though now is told as {told}", came=came, look_at="the time zone", hint=3)


def test_ex2_no_number_is_too_far() -> None:
    """Any number that twelve digits can spell has an answer."""
    now = datetime(2026, 3, 2, tzinfo=UTC)
    for sent_s in (0, 10**12 - 1):
        try:
            came: object = is_timely(sent_s, now)
        except (ValueError, OverflowError) as error:
            came = f"{type(error).__name__}: {error}"
        expect(
            came is False,
            expected=f"False for {sent_s}",
            came=came,
            look_at="turning the timestamp into a datetime (year 33658 has none)",
            hint=3,
        )


def signed(provider: str, body: bytes, at: bytes, event_id: bytes = b"evt_1", key: bytes = KEY) -> Claim:
    """A claim as the provider's documentation spells it, not by the code under test."""
    message = {
        "standard": event_id + b"." + at + b"." + body,
        "stripe": at + b"." + body,
        "slack": b"v0:" + at + b":" + body,
    }.get(provider, body)
    scheme = SCHEMES[provider]
    signature = scheme.spelling(hmac.digest(key, message, "sha256"))
    return Claim([signature], at if scheme.signs_timestamp else b"", event_id if provider == "standard" else b"")


def answer(provider: str, claim: Claim, body: bytes, now: datetime, *secrets: Secret) -> Refused | None:
    return refusal_at(now, SCHEMES[provider], secrets or (Secret(KEY),), claim, body)


def epoch(now: datetime, apart_s: int = 0) -> bytes:
    return b"%d" % (int(now.timestamp()) + apart_s)


@pytest.mark.parametrize("provider", sorted(SCHEMES))
def test_ex3_what_was_signed_is_believed(rng: random.Random, provider: str) -> None:
    """A timely claim with the right signature is not refused; for another body or under another key it is."""
    now, body = moment(rng), rng.randbytes(50)
    claim = signed(provider, body, epoch(now))
    came = answer(provider, claim, body, now)
    expect(
        came is None, expected=f"None for a genuine request of {provider}", came=came, look_at="scheme.signed", hint=3
    )
    for what, refused in (
        ("another body", answer(provider, claim, body + b" ", now)),
        ("another key", answer(provider, signed(provider, body, epoch(now), key=OTHER_KEY), body, now)),
        ("no signatures", answer(provider, Claim((), claim.timestamp, claim.id), body, now)),
    ):
        expect(
            refused == UNSIGNED,
            expected=f"UNSIGNED for {what} of {provider}",
            came=refused,
            look_at="is_signed",
            hint=3,
        )


@pytest.mark.parametrize("provider", TIMED)
def test_ex3_only_near_now(rng: random.Random, provider: str) -> None:
    """A right signature far from now is UNTIMELY; the tolerance given is the one used."""
    now, body = moment(rng), rng.randbytes(50)
    for apart_s, wanted in ((-301, UNTIMELY), (-300, None), (300, None), (301, UNTIMELY), (10**9, UNTIMELY)):
        came = answer(provider, signed(provider, body, epoch(now, apart_s)), body, now)
        expect(came == wanted, expected=f"{wanted} at {apart_s:+} s", came=came, look_at="is_timely", hint=3)
    claim = signed(provider, body, epoch(now, -20))
    came = refusal_at(now, SCHEMES[provider], [Secret(KEY)], claim, body, tolerance_s=10)
    expect(
        came == UNTIMELY,
        expected="UNTIMELY at -20 s with a tolerance of 10 s",
        came=came,
        look_at="tolerance_s",
        hint=3,
    )


@pytest.mark.parametrize("provider", TIMED)
def test_ex3_a_timestamp_has_one_spelling(rng: random.Random, provider: str) -> None:
    """The bytes of the timestamp are signed: another spelling of the same number is refused, signed or not."""
    now, body = moment(rng), rng.randbytes(50)
    genuine = signed(provider, body, epoch(now))
    padded = Claim(genuine.signatures, b"0" + genuine.timestamp, genuine.id)
    came = answer(provider, padded, body, now)
    expect(
        came == UNSIGNED,
        expected=f"UNSIGNED for the time {padded.timestamp!r} under the signature of {genuine.timestamp!r}",
        came=came,
        look_at="which bytes go into the template: those that came, or a number read from them",
        hint=2,
    )
    for spelled in (b"", b" " + epoch(now), epoch(now) + b".0", b"nan", b"\xff"):
        came = answer(provider, signed(provider, body, spelled), body, now)
        expect(
            came == NO_TIMESTAMP,
            expected=f"NO_TIMESTAMP for {spelled!r}, though the sender has signed it so",
            came=came,
            look_at="parse_timestamp, before anything else",
            hint=2,
        )


def test_ex3_no_time_is_asked_of_those_who_sign_none(rng: random.Random) -> None:
    """GitHub and Shopify sign no time: a timestamp that comes along is nobody's, and changes nothing."""
    now, body = moment(rng), rng.randbytes(50)
    for provider in ("github", "shopify"):
        genuine = signed(provider, body, b"")
        for timestamp in (b"", b"0", b"nan"):
            came = answer(provider, Claim(genuine.signatures, timestamp), body, now)
            expect(
                came is None,
                expected=f"None for {provider} with the unsigned time {timestamp!r}",
                came=came,
                look_at="scheme.signs_timestamp",
                hint=2,
            )


def test_ex3_a_signed_id_must_be_there(rng: random.Random) -> None:
    """Standard Webhooks signs the id: without one the answer is NO_ID, even under a right signature."""
    now, body = moment(rng), rng.randbytes(50)
    came = answer("standard", signed("standard", body, epoch(now), event_id=b""), body, now)
    expect(came == NO_ID, expected="NO_ID for an empty id", came=came, look_at="scheme.signs_id", hint=2)


def test_ex3_questions_come_in_their_order(rng: random.Random) -> None:
    """The time before the id, and both before the signature: what is wrong in several ways is refused for the first."""
    now, body = moment(rng), rng.randbytes(50)
    late, soon = epoch(now, -301), epoch(now)
    for what, at, event_id, wanted in (
        ("no time, no id and no signature", b"nan", b"", NO_TIMESTAMP),
        ("a time of 1970, no id and no signature", b"0", b"", UNTIMELY),
        ("a time too late, no id and no signature", late, b"", UNTIMELY),
        ("a time too late and no signature", late, b"evt_1", UNTIMELY),
        ("no id and no signature", soon, b"", NO_ID),
        ("no signature", soon, b"evt_1", UNSIGNED),
    ):
        came = answer("standard", Claim([b"rubbish"], at, event_id), body, now)
        expect(
            came == wanted,
            expected=f"{wanted} for {what}",
            came=came,
            look_at="the order in the picture: time, id, and the HMAC last",
            hint=2,
        )


@pytest.mark.parametrize("provider", sorted(SCHEMES))
def test_ex3_secrets_are_judged_at_the_same_now(rng: random.Random, provider: str) -> None:
    """Any live secret will do, and one that has ended by *now* will not."""
    now, body = moment(rng), rng.randbytes(50)
    claim = signed(provider, body, epoch(now))
    for what, secrets, wanted in (
        ("a second secret", [Secret(OTHER_KEY), Secret(KEY)], None),
        ("a secret that ends in a second", [Secret(KEY, now + timedelta(seconds=1))], None),
        ("a secret that ends now", [Secret(KEY, now), Secret(OTHER_KEY)], UNSIGNED),
        ("no secrets at all", [], UNSIGNED),
    ):
        came = refusal_at(now, SCHEMES[provider], iter(secrets), claim, body)
        expect(came == wanted, expected=f"{wanted} with {what}", came=came, look_at="live_keys", hint=3)
    dated_back = signed(provider, body, epoch(now, -60))
    came = refusal_at(now, SCHEMES[provider], [Secret(KEY, now - timedelta(seconds=30))], dated_back, body)
    expect(
        came == UNSIGNED,
        expected="UNSIGNED with a secret that ended 30 s ago, for a request that says it was sent 60 s ago",
        came=came,
        look_at="at which moment the secrets are judged: whoever holds the old one writes the date too",
        hint=2,
    )
