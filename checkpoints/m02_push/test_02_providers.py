"""Lesson m02.02: how each provider signs, as data, read from headers that anyone may have written."""

import hashlib
import random

import pytest

from ingestion.webhooks.providers import (
    MAX_SIGNATURES,
    SCHEMES,
    Claim,
    Headers,
    Refused,
    Scheme,
    event_key,
    offered,
    pick_headers,
)
from workbook.grading import expect

MADE_UP = Scheme(
    headers=({b"x-sum": "signature", b"x-at": "timestamp"}, {b"x-old-sum": "signature", b"x-old-at": "timestamp"}),
    prefix=b"mac:",
    separator=b";",
    timestamp_prefix=b"at:",
)


def words(rng: random.Random, count: int) -> list[bytes]:
    return [b"%016x" % rng.getrandbits(64) for _ in range(count)]


def claim_of(scheme: Scheme, header: bytes) -> object:
    try:
        return offered(scheme, header)
    except (ValueError, TypeError, IndexError, KeyError) as error:
        return f"{type(error).__name__}: {error}"


def shown(claim: object) -> object:
    return (list(claim.signatures), claim.timestamp) if isinstance(claim, Claim) else claim


def test_ex1_signatures_without_their_prefix(rng: random.Random) -> None:
    """Each signature comes in its order, without its prefix; a header without a separator is one token."""
    a, b, c = words(rng, 3)
    for scheme, header, wanted in (
        (SCHEMES["standard"], b"v1," + a + b" v1," + b, [a, b]),
        (SCHEMES["stripe"], b"t=1,v1=" + a + b",v1=" + b + b",v1=" + c, [a, b, c]),
        (SCHEMES["github"], b"sha256=" + a, [a]),
        (SCHEMES["slack"], b"v0=" + a, [a]),
        (SCHEMES["shopify"], a + b"=", [a + b"="]),
        (SCHEMES["shopify"], a + b", " + b, [a + b", " + b]),
        (MADE_UP, b"mac:" + a + b";mac:" + b, [a, b]),
        (MADE_UP, b"mac:mac:" + a, [b"mac:" + a]),
        (SCHEMES["github"], b"sha1=" + a, []),
    ):
        came = shown(claim_of(scheme, header))
        expect(
            isinstance(came, tuple) and came[0] == wanted,
            expected=f"the signatures {wanted} of {header!r}",
            came=came,
            look_at="what is split at what, and which prefix is taken off",
            hint=3,
        )


def test_ex1_the_timestamp_among_them(rng: random.Random) -> None:
    """The timestamp is found wherever it stands, as it is spelled; without one it is empty."""
    [a] = words(rng, 1)
    for scheme, header, wanted in (
        (SCHEMES["stripe"], b"t=17,v1=" + a, b"17"),
        (SCHEMES["stripe"], b"v1=" + a + b",v0=x,t=1e9", b"1e9"),
        (SCHEMES["stripe"], b"v1=" + a, b""),
        (MADE_UP, b"mac:" + a + b";at:5", b"5"),
        (SCHEMES["standard"], b"v1," + a + b" t=17", b""),
        (SCHEMES["shopify"], b"t=17", b""),
    ):
        came = shown(claim_of(scheme, header))
        expect(
            isinstance(came, tuple) and came[1] == wanted,
            expected=f"the timestamp {wanted!r} of {header!r}",
            came=came,
            look_at="timestamp_prefix",
            hint=2,
        )


def test_ex1_the_future_is_passed_over(rng: random.Random) -> None:
    """Tokens of other versions, empty ones and rubbish hide nothing, before or behind."""
    [a] = words(rng, 1)
    for header in (
        b"v1a,xyz v1," + a,
        b"v2 v1," + a,
        b"  v1," + a + b" ",
        b"v1," + a + b" v9,\xff\x00",
        b"V1,x v1," + a,
        b"rubbish, v1," + a,
    ):
        came = shown(claim_of(SCHEMES["standard"], header))
        expect(
            isinstance(came, tuple) and came[0] == [a],
            expected=f"the signature {a!r} of {header!r}, and no other",
            came=came,
            look_at="what happens to a token without the prefix",
            hint=1,
        )


def test_ex1_rubbish_is_no_signature_and_no_exception() -> None:
    """A header that holds nothing of use gives an empty claim or a refusal, never an exception."""
    rubbish = (b"", b" ", b",", b"=", b"no signature", b"\xff\xfe", b"v1", b"t", b"t,v1=,v0", b",,", "v1=é".encode())
    for scheme in (*SCHEMES.values(), MADE_UP):
        for header in rubbish:
            came = claim_of(scheme, header)
            expect(
                isinstance(came, Claim | Refused),
                expected=f"a Claim or a Refused for the header {header!r}",
                came=came,
                look_at="unpacking, indexing and decoding of what an attacker wrote",
                hint=1,
            )


@pytest.mark.parametrize(
    "scheme", [SCHEMES["standard"], SCHEMES["stripe"], MADE_UP], ids=["standard", "stripe", "made up"]
)
def test_ex1_sixteen_and_no_more(rng: random.Random, scheme: Scheme) -> None:
    """16 tokens besides the timestamp are taken; 17, of whatever version, are refused with 400."""
    separator = scheme.separator or b""
    timestamp = [scheme.timestamp_prefix + b"17"] if scheme.timestamp_prefix else []
    for count in (1, MAX_SIGNATURES, MAX_SIGNATURES + 1, MAX_SIGNATURES + 2, 5_000):
        mine = [scheme.prefix + word for word in words(rng, count)]
        theirs = [b"v9" + word for word in words(rng, count)]
        empty = [b""] * (count - 1)
        for tokens in (mine, theirs, [*theirs[1:], mine[0]], [mine[0], *theirs[1:]], [*empty, mine[0]]):
            for where in (0, len(tokens)):
                header = separator.join([*tokens[:where], *timestamp, *tokens[where:]])
                came = claim_of(scheme, header)
                refused = isinstance(came, Refused) and came.status == 400
                expect(
                    refused if count > MAX_SIGNATURES else isinstance(came, Claim),
                    expected=f"{'a refusal with 400' if count > MAX_SIGNATURES else 'a claim'} for {count} tokens"
                    + (" and the timestamp" if timestamp else ""),
                    came=came,
                    look_at="what is counted, and what is not",
                    hint=2,
                )


def test_ex1_one_timestamp(rng: random.Random) -> None:
    """A second timestamp is refused with 400, equal to the first or not."""
    [a] = words(rng, 1)
    for header in (b"t=1,t=2,v1=" + a, b"t=1,v1=" + a + b",t=1", b"t=,t=1,v1=" + a):
        came = claim_of(SCHEMES["stripe"], header)
        expect(
            isinstance(came, Refused) and came.status == 400,
            expected=f"a refusal with 400 for {header!r}",
            came=came,
            look_at="which of the two is checked, and which is signed",
            hint=1,
        )


GITHUB: Headers = [
    (b"host", b"example.com"),
    (b"x-github-delivery", b"72d3162e-cc78-11e3"),
    (b"x-github-event", b"issues"),
    (b"x-hub-signature-256", b"sha256=ab"),
]


def test_ex2_each_header_by_its_role(rng: random.Random) -> None:
    """What matters is found by role, in any order; what does not matter is left out, however often it comes."""
    noise = [(b"accept", b"*/*"), (b"accept", b"text/html"), (b"x-github-hook-id", b"1")]
    headers = [*GITHUB, *noise]
    rng.shuffle(headers)
    came = pick_headers(SCHEMES["github"], headers)
    wanted = {"id": b"72d3162e-cc78-11e3", "type": b"issues", "signature": b"sha256=ab"}
    expect(came == wanted, expected=f"{wanted}", came=came, look_at="scheme.headers", hint=2)
    came = pick_headers(SCHEMES["github"], GITHUB[-1:])
    expect(
        came == {"signature": b"sha256=ab"}, expected="the signature alone, when nothing else came", came=came, hint=2
    )


def test_ex2_no_signature_is_401() -> None:
    """Without a signature header nobody has claimed anything: 401."""
    for headers in ([], GITHUB[:-1], [(b"x-hub-signature", b"sha1=ab")]):
        came = pick_headers(SCHEMES["github"], headers)
        expect(
            isinstance(came, Refused) and came.status == 401,
            expected=f"a refusal with 401 for {headers}",
            came=came,
            look_at="what is looked up without asking whether it is there",
            hint=2,
        )


def test_ex2_twins_are_refused(rng: random.Random) -> None:
    """Two headers for one role get 400, equal or not, wherever they stand."""
    for twin in GITHUB[1:]:
        for value in (twin[1], b"other", b""):
            headers = list(GITHUB)
            headers.insert(rng.randrange(len(headers) + 1), (twin[0], value))
            came = pick_headers(SCHEMES["github"], headers)
            expect(
                isinstance(came, Refused) and came.status == 400,
                expected=f"a refusal with 400 for two headers {twin[0].decode()}",
                came=came,
                look_at="which of the two your dict keeps",
                hint=2,
            )


def test_ex2_ids_and_types_are_one_word() -> None:
    """1 to 200 bytes of printable ASCII without spaces, or 400. Other headers may hold anything."""
    for name in (b"x-github-delivery", b"x-github-event"):
        for value, good in (
            (b"~" * 200, True),
            (b"!", True),
            (b"x" * 201, False),
            (b"", False),
            (b"two words", False),
            (b"a\x00b", False),
            (b"a\n", False),
            ("Zoë".encode(), False),
        ):
            headers = [(each, value if each == name else old) for each, old in GITHUB]
            came = pick_headers(SCHEMES["github"], headers)
            expect(
                isinstance(came, dict) if good else isinstance(came, Refused) and came.status == 400,
                expected=f"{'no refusal' if good else 'a refusal with 400'} for {name.decode()}: {value[:12]!r}",
                came=came,
                look_at="is_name, for the id and for the type",
                hint=2,
            )
    headers = [*GITHUB[:-1], (b"x-hub-signature-256", b"\xff not a word")]
    came = pick_headers(SCHEMES["github"], headers)
    expect(isinstance(came, dict), expected="no refusal here for an odd signature", came=came, hint=2)


def test_ex2_the_first_set_that_has_a_signature() -> None:
    """The first set of names with a signature counts, alone: nothing is mixed into it, nothing outside it can refuse it."""
    new, old = [(b"x-sum", b"new"), (b"x-at", b"2")], [(b"x-old-sum", b"old"), (b"x-old-at", b"1")]
    for headers, wanted in (
        (new, {"signature": b"new", "timestamp": b"2"}),
        (old, {"signature": b"old", "timestamp": b"1"}),
        ([*old, *new], {"signature": b"new", "timestamp": b"2"}),
        ([*new, *old, *old], {"signature": b"new", "timestamp": b"2"}),
        ([new[0], old[1]], {"signature": b"new"}),
        ([new[1], *old], {"signature": b"old", "timestamp": b"1"}),
    ):
        came = pick_headers(MADE_UP, headers)
        expect(
            came == wanted,
            expected=f"{wanted} of {[name.decode() for name, _ in headers]}",
            came=came,
            look_at="whether the sets of names are kept apart",
            hint=2,
        )


def digest(body: bytes) -> str:
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def test_ex3_a_signed_id_is_the_key(rng: random.Random) -> None:
    """Where the id is signed, in a header or in the body, it is the key, whatever the body and type."""
    [event_id] = [each.decode() for each in words(rng, 1)]
    for name in ("standard", "stripe", "slack"):
        for body, kind in ((b"{}", "paid"), (rng.randbytes(30), None)):
            came = event_key(SCHEMES[name], event_id, kind, body)
            expect(
                came == event_id,
                expected=f"the key {event_id!r}, since {name} signs it",
                came=came,
                look_at="signs_id and id_path",
                hint=3,
            )


def test_ex3_an_unsigned_id_is_no_key(rng: random.Random) -> None:
    """For GitHub and Shopify one body with another id has the same key, and another body another key."""
    body = rng.randbytes(60)
    for name in ("github", "shopify"):
        keys = {event_key(SCHEMES[name], event_id, "push", body) for event_id in ("first", "second", None)}
        expect(
            len(keys) == 1,
            expected=f"one key for one body of {name} under three ids",
            came=keys,
            look_at="who wrote the id",
            hint=1,
        )
        for one, other in ((body, body + b" "), (b'{"a": 1}', b'{"a":1}')):
            keys = {event_key(SCHEMES[name], "first", "push", each) for each in (one, other)}
            expect(
                len(keys) == 2,
                expected=f"two keys for the bodies {one!r} and {other!r}",
                came=keys,
                look_at="what is hashed: the bytes that were signed, or what somebody read in them",
                hint=3,
            )


def test_ex3_two_types_are_two_events(rng: random.Random) -> None:
    """One body under two types is two events; the key is the type, a colon, `sha256:` and the hash in hexadecimal."""
    body = rng.randbytes(60)
    for kind, wanted in (
        ("orders/create", f"orders/create:{digest(body)}"),
        ("orders/paid", f"orders/paid:{digest(body)}"),
        (None, digest(body)),
    ):
        came = event_key(SCHEMES["shopify"], "id", kind, body)
        expect(came == wanted, expected=f"the key {wanted}", came=came, look_at="what stands before the hash", hint=3)
