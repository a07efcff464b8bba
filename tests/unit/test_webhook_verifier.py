"""The verifier keeps what its docstring promises, for every provider."""

import json
from datetime import timedelta

import pytest

from ingestion.errors import ConfigurationError
from ingestion.webhooks.keyring import load_secrets
from ingestion.webhooks.providers import MAX_SIGNATURES, Refused, Verified
from ingestion.webhooks.signatures import Secret
from ingestion.webhooks.verifier import Verifier
from tests.webhook_requests import (
    KEY,
    NOW,
    NOW_S,
    OTHER_KEY,
    SENDERS,
    SIGNATURE_HEADER,
    TIMED,
    replaced,
    secret_text,
    verifier,
)

BODY = '{\n  "id": "evt_1",\n  "amount": 1.0,\n  "name": "Zoë"\n}'.encode()
every_provider = pytest.mark.parametrize("provider", sorted(SENDERS))


def status(answer: Verified | Refused) -> int:
    return answer.status if isinstance(answer, Refused) else 200


@every_provider
def test_only_the_bytes_that_came_verify(provider: str) -> None:
    """R1: equal JSON in other bytes is refused with 401."""
    headers = SENDERS[provider](BODY)
    assert isinstance(verifier(provider).verify(headers, BODY), Verified)
    parsed = json.loads(BODY)
    for text in (json.dumps(parsed), json.dumps(parsed, indent=2), json.dumps(parsed, ensure_ascii=False)):
        assert status(verifier(provider).verify(headers, text.encode())) == 401
    assert status(verifier(provider).verify(headers, b"")) == 401


@every_provider
@pytest.mark.parametrize(
    "spoiled",
    [
        b"",
        b"no comma and no equals sign",
        b"  ",
        b",",
        b"v1,",
        b"v1=",
        b"sha256=",
        b"v0=",
        b"v1,not base64!",
        b"v1=zz",
        b"\xff\xfe\x00",
        "v1,Zoë".encode(),
        b"t=nan,v1=",
        b"t=,t=,v1=",
        b"x" * 10_000,
        b" ".join([b"v1,AAAA"] * 10_000),
        b",".join([b"v1=aaaa"] * 10_000),
    ],
    ids=lambda spoiled: repr(spoiled[:20]),
)
def test_a_spoiled_signature_is_refused(provider: str, spoiled: bytes) -> None:
    """R2: whatever stands in the header, the answer is 400 or 401."""
    headers = replaced(SENDERS[provider](BODY), SIGNATURE_HEADER[provider], spoiled)
    assert status(verifier(provider).verify(headers, BODY)) in (400, 401)


@every_provider
def test_a_signature_has_one_spelling(provider: str) -> None:
    """R3: upper case, white space, another last letter, a cut or longer signature: none is the signature."""
    name = SIGNATURE_HEADER[provider]
    headers = SENDERS[provider](BODY)
    good = dict(headers)[name]
    digest = good.rsplit(b"," if provider == "standard" else b"=", 1)[-1] if provider != "shopify" else good
    others = [
        digest.swapcase(),
        digest[:-1],
        digest + b"=",
        digest + b"\t",
        b" " + digest,
        digest[:32] + b"\n" + digest[32:],
        digest + digest,
    ]
    if provider in ("standard", "shopify"):  # 44 letters hold 264 bits, and a digest 256: four spellings decode alike
        alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        digest = good[-44:]
        place = alphabet.index(digest[42:43])
        others += [digest[:42] + alphabet[place ^ bit :][:1] + b"=" for bit in (1, 2, 3)]
        others += [digest.rstrip(b"="), digest.replace(b"+", b"-").replace(b"/", b"_") + b"="]
    for other in others:
        spoiled = good[: len(good) - len(digest)] + other
        assert spoiled != good
        assert status(verifier(provider).verify(replaced(headers, name, spoiled), BODY)) in (400, 401)


@pytest.mark.parametrize("provider", TIMED)
def test_five_minutes_both_ways(provider: str) -> None:
    """R4: 300 seconds are in time on either side, 301 are not."""
    send = SENDERS[provider]
    for apart_s in (-300, -299, 0, 299, 300):
        assert isinstance(verifier(provider).verify(send(BODY, at_s=NOW_S + apart_s), BODY), Verified)
    for apart_s in (-301, 301, -(10**6), 10**9):
        assert status(verifier(provider).verify(send(BODY, at_s=NOW_S + apart_s), BODY)) == 401
    later = NOW + timedelta(milliseconds=1)
    assert status(verifier(provider, now=later).verify(send(BODY, at_s=NOW_S - 300), BODY)) == 401


@pytest.mark.parametrize("provider", TIMED)
@pytest.mark.parametrize(
    "spelled",
    [
        "{}.9",
        " {} ",
        "+{}",
        "-{}",
        "{}e0",
        "{}_0",
        "0x{}",
        "nan",
        "inf",
        "1e400",
        "",
        "0" * 20 + "{}",
        "\xb2",
        "١٧٧٢٤٥٢٨٠٠",
        "{}\n",
    ],
)
def test_a_timestamp_is_whole_seconds(provider: str, spelled: str) -> None:
    """R4: nothing but digits is a time, even when the sender has signed it so."""
    at = spelled.format(NOW_S).encode()
    assert status(verifier(provider).verify(SENDERS[provider](BODY, at_s=at), BODY)) in (400, 401)


def test_schemes_of_the_future_are_passed_over() -> None:
    """R5: a valid signature counts, whatever stands before and behind it."""
    headers = SENDERS["standard"](BODY)
    good = headers[-1][1]
    for header in (b"v1a,x " + good, b"v9 " + good, good + b" v2,y", b"  " + good + b" ", b"rubbish v1,AAAA " + good):
        assert isinstance(verifier("standard").verify(replaced(headers, headers[-1][0], header), BODY), Verified)
    [(name, good)] = SENDERS["stripe"](BODY)
    for header in (good + b",v0=x", b"v2=x," + good, b"rubbish," + good, good + b",", b"v1=0," + good):
        assert isinstance(verifier("stripe").verify([(name, header)], BODY), Verified)


@pytest.mark.parametrize("provider", ["standard", "stripe"])
def test_sixteen_signatures_and_no_more(provider: str) -> None:
    """R2: the last of 16 is looked at; 17 are refused with 400, right or not."""
    headers = SENDERS[provider](BODY)
    name, good = headers[-1]
    bad, space = (b"v1," + b"A" * 43 + b"=", b" ") if provider == "standard" else (b"v1=" + b"0" * 64, b",")
    for count, wanted in ((MAX_SIGNATURES - 1, 200), (MAX_SIGNATURES, 400), (10_000, 400)):
        for header in (space.join([*[bad] * count, good]), space.join([good, *[bad] * count])):
            assert status(verifier(provider).verify(replaced(headers, name, header), BODY)) == wanted


@every_provider
def test_two_live_secrets(provider: str) -> None:
    """R6: the old and the new secret are both good, in either order; a third is not."""
    for keys in ((KEY, OTHER_KEY), (OTHER_KEY, KEY)):
        assert isinstance(verifier(provider, *keys).verify(SENDERS[provider](BODY), BODY), Verified)
    assert status(verifier(provider, OTHER_KEY).verify(SENDERS[provider](BODY), BODY)) == 401


@every_provider
def test_an_expired_secret_is_refused(provider: str) -> None:
    """R6: a secret is good until its not_after, and not at it."""
    dated = {"secret": secret_text(provider), "not_after": NOW.isoformat()}
    secrets = load_secrets(json.dumps({provider: [dated, secret_text(provider, OTHER_KEY)]}))[provider]
    before = NOW - timedelta(microseconds=1)
    for at, wanted in ((before, 200), (NOW, 401), (NOW + timedelta(days=1), 401)):
        send = SENDERS[provider]
        headers = send(BODY, at_s=int(at.timestamp())) if provider in TIMED else send(BODY)
        assert status(Verifier.of(provider, secrets, clock=lambda at=at: at).verify(headers, BODY)) == wanted


@every_provider
def test_twin_headers_are_refused(provider: str) -> None:
    """R8: a header that counts and comes twice gets 400, equal or not, wherever the twin stands."""
    headers = SENDERS[provider](BODY)
    for name, value in headers:
        for twin in ((name, value), (name, b"another")):
            assert status(verifier(provider).verify([*headers, twin], BODY)) == 400
            assert status(verifier(provider).verify([twin, *headers], BODY)) == 400
    harmless = [(b"accept", b"*/*"), (b"accept", b"*/*"), *headers]
    assert isinstance(verifier(provider).verify(harmless, BODY), Verified)


@every_provider
def test_what_is_missing_is_refused(provider: str) -> None:
    """No signature is 401; a signed id or time that is missing is 400 or 401."""
    headers = SENDERS[provider](BODY)
    assert status(verifier(provider).verify([], BODY)) == 401
    for name, _ in headers:
        answer = verifier(provider).verify([each for each in headers if each[0] != name], BODY)
        if name == SIGNATURE_HEADER[provider]:
            assert status(answer) == 401
        elif provider in TIMED:
            assert status(answer) in (400, 401)
        else:
            assert isinstance(answer, Verified)  # nobody has signed those


@pytest.mark.parametrize("odd", [b"", b"two words", b"\xff", b"a\x00b", b"x" * 201, "Zoë".encode()])
def test_an_odd_id_is_refused(odd: bytes) -> None:
    """An id becomes a key in the database: it is one word of printable ASCII, or nothing."""
    for provider in ("standard", "github", "shopify"):
        headers = SENDERS[provider](BODY, event_id=odd)
        assert status(verifier(provider).verify(headers, BODY)) == 400


def test_both_sets_of_names_may_come() -> None:
    """A sender that changes over to Standard Webhooks sends its old headers and the new ones: the new ones count."""
    headers = SENDERS["standard"](BODY)
    old = [(name.replace(b"webhook", b"svix"), b"old") for name, _ in headers]
    assert isinstance(verifier("standard").verify([*old, *headers], BODY), Verified)
    assert status(verifier("standard").verify([*headers, *old, old[0]], BODY)) == 200
    mixed = [headers[0], (b"svix-timestamp", headers[1][1]), (b"svix-signature", headers[2][1])]
    assert status(verifier("standard").verify(mixed, BODY)) == 400


def test_a_provider_may_have_a_name_of_its_own() -> None:
    """`standard-billing` signs as `standard` does, and its events are its own."""
    secrets = load_secrets(json.dumps({"standard-billing": secret_text("standard")}))
    named = Verifier.of("standard-billing", secrets["standard-billing"], clock=lambda: NOW)
    answer = named.verify(SENDERS["standard"](BODY), BODY)
    assert isinstance(answer, Verified)
    assert (answer.provider, answer.id, answer.received_at) == ("standard-billing", "msg_1", NOW)


def test_no_secrets_are_a_mistake_of_the_operator() -> None:
    with pytest.raises(ConfigurationError, match="no secret for github"):
        Verifier.of("github", [])
    with pytest.raises(ConfigurationError, match="no webhook scheme"):
        Verifier.of("paypal", [Secret(KEY)])


def test_reasons_and_verifiers_quote_nothing() -> None:
    """R18: neither a reason nor a repr tells a secret or a header."""
    for provider, send in SENDERS.items():
        checked = verifier(provider, OTHER_KEY)
        answer = checked.verify(send(BODY), BODY)
        shown = f"{answer!r} {checked!r} {vars(checked)!r}"
        for hidden in (KEY, OTHER_KEY, *(value for _, value in send(BODY))):
            assert hidden.decode() not in shown
