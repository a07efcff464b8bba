"""Whatever bytes come, the verifier answers; and it accepts exactly what was signed."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.record import Record, Reject
from ingestion.webhooks.events import event_of
from ingestion.webhooks.providers import SCHEMES, Refused, Verified
from ingestion.webhooks.replay_window import is_timely, parse_timestamp
from ingestion.webhooks.signatures import Secret
from ingestion.webhooks.verifier import Verifier
from tests.webhook_requests import KEY, NOW, NOW_S, OTHER_KEY, SENDERS, SIGNATURE_HEADER, TIMED, replaced, verifier

NAMES = sorted({name for scheme in SCHEMES.values() for names in scheme.headers for name in names})
VERIFIERS = {provider: verifier(provider) for provider in SENDERS}

providers = st.sampled_from(sorted(SENDERS))
bodies = st.binary(max_size=200)
pieces = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(
        [b"v1,", b"v1=", b"v0=", b"t=", b"sha256=", b" ", b",", b"=", b"%d" % NOW_S, b"0" * 64, b"A" * 43 + b"="]
    ),
    st.text(max_size=40).map(lambda text: text.encode("utf-8", "surrogatepass")),
)
values = st.lists(pieces, max_size=30).map(b"".join)
names = st.one_of(st.sampled_from(NAMES), st.binary(max_size=30))


@settings(max_examples=500)
@given(providers, st.lists(st.tuples(names, values), max_size=12), bodies)
def test_any_headers_get_an_answer_and_never_a_pass(
    provider: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    """Nobody who does not know the secret gets in, and nothing raises."""
    answer = VERIFIERS[provider].verify(headers, body)
    assert isinstance(answer, Refused)
    assert answer.status in (400, 401)


@settings(max_examples=300)
@given(providers, bodies, st.data())
def test_one_good_header_among_hostile_ones_lets_nobody_in(provider: str, body: bytes, data: st.DataObject) -> None:
    """An attacker who has seen one signed request cannot put its signature on another body."""
    other = data.draw(bodies.filter(lambda each: each != body))
    extra = data.draw(st.lists(st.tuples(names, values), max_size=4))
    assert isinstance(VERIFIERS[provider].verify([*SENDERS[provider](body), *extra], other), Refused)


@settings(max_examples=300)
@given(providers, bodies)
def test_what_was_signed_passes_and_every_event_is_kept(provider: str, body: bytes) -> None:
    """Any body at all: it verifies, and becomes a record or a reject that holds it."""
    answer = VERIFIERS[provider].verify(SENDERS[provider](body), body)
    assert isinstance(answer, Verified)
    event = event_of(answer, body)
    assert isinstance(event, Record) or (isinstance(event, Reject) and event.raw == body)


@settings(max_examples=300)
@given(providers, bodies, st.data())
def test_one_flipped_bit_is_enough(provider: str, body: bytes, data: st.DataObject) -> None:
    headers = SENDERS[provider](body)
    name = data.draw(st.sampled_from([SIGNATURE_HEADER[provider], *([headers[0][0]] if provider in TIMED else [])]))
    old = dict(headers)[name]
    place, bit = data.draw(st.integers(0, len(old) - 1)), data.draw(st.integers(0, 7))
    new = old[:place] + bytes([old[place] ^ 1 << bit]) + old[place + 1 :]
    assert isinstance(VERIFIERS[provider].verify(replaced(headers, name, new), body), Refused)


@given(providers, bodies)
def test_the_secret_decides(provider: str, body: bytes) -> None:
    assert isinstance(VERIFIERS[provider].verify(SENDERS[provider](body, key=OTHER_KEY), body), Refused)
    assert isinstance(verifier(provider, OTHER_KEY, KEY).verify(SENDERS[provider](body, key=KEY), body), Verified)


@given(
    st.sampled_from(["standard", "stripe"]),
    st.lists(pieces.map(lambda p: p.replace(b",", b"").replace(b" ", b"")), max_size=15),
)
def test_other_tokens_do_not_hide_a_good_one(provider: str, others: list[bytes]) -> None:
    """Up to fifteen tokens of any other kind before a valid signature change nothing, unless they are a second time."""
    headers = SENDERS[provider](b"{}")
    name, good = headers[-1]
    others = [other for other in others if not other.startswith(b"t=")]
    header = (b" " if provider == "standard" else b",").join([*others, good])
    assert isinstance(VERIFIERS[provider].verify(replaced(headers, name, header), b"{}"), Verified)


@given(st.binary(max_size=30))
def test_a_timestamp_is_read_back_as_it_was_written(text: bytes) -> None:
    read = parse_timestamp(text)
    assert read is None or (read >= 0 and text.lstrip(b"0") in (b"%d" % read, b""))


@given(st.integers(0, 10**12 - 1), st.integers(0, 4 * 10**9))
def test_the_window_is_symmetric(sent_s: int, now_s: int) -> None:
    now = datetime.fromtimestamp(now_s, UTC)
    assert is_timely(sent_s, now) == (-300 <= sent_s - now_s <= 300)


def test_the_clock_is_asked_once() -> None:
    """All that depends on the time is judged at one moment."""
    asked = []

    def clock() -> datetime:
        asked.append(1)
        return NOW

    Verifier.of("standard", [Secret(KEY), Secret(OTHER_KEY)], clock=clock).verify(SENDERS["standard"](b"{}"), b"{}")
    assert len(asked) == 1
