"""Lesson m02.01: signatures over the bytes that came, under any of several live secrets."""

import base64
import hmac
import random
import secrets
from datetime import UTC, datetime, timedelta, timezone

import pytest

from ingestion.errors import ConfigurationError
from ingestion.webhooks import signatures
from ingestion.webhooks.signatures import Secret, as_base64, as_hex, decode_secret, is_signed, live_keys
from workbook.grading import expect

SPELLINGS = {"hex": as_hex, "base64": as_base64}
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

each_spelling = pytest.mark.parametrize("name", sorted(SPELLINGS))


def signature(message: bytes, key: bytes, name: str) -> bytes:
    digest = hmac.digest(key, message, "sha256")
    return base64.b64encode(digest) if name == "base64" else digest.hex().encode()


@each_spelling
def test_ex1_any_offer_under_any_key(rng: random.Random, name: str) -> None:
    """One of the offered signatures under one of the keys is enough, wherever they stand."""
    message, keys = rng.randbytes(40), [rng.randbytes(32) for _ in range(3)]
    for which in range(3):
        for place in range(4):
            offered = [signature(rng.randbytes(9), keys[0], name) for _ in range(3)]
            offered.insert(place, signature(message, keys[which], name))
            for kind, given in (("a list", keys), ("an iterator", iter(keys))):
                came = is_signed(message, offered, given, SPELLINGS[name])
                expect(
                    came is True,
                    expected=f"True: offer {place + 1} of 4 is the signature under key {which + 1} of 3, from {kind}",
                    came=came,
                    look_at="which offers are compared with which keys, and how often the keys are gone through",
                    hint=2,
                )


@each_spelling
def test_ex1_nothing_else_passes(rng: random.Random, name: str) -> None:
    """Another message, another key, no offer or no key: False."""
    message, key, other = rng.randbytes(40), rng.randbytes(32), rng.randbytes(32)
    good = signature(message, key, name)
    for what, asked in (
        ("another message", (message + b"\n", [good], [key])),
        ("another key", (message, [good], [other])),
        ("no offers", (message, [], [key])),
        ("no keys", (message, [good], [])),
        ("an empty offer", (message, [b""], [key])),
    ):
        came = is_signed(*asked, SPELLINGS[name])
        expect(came is False, expected=f"False for {what}", came=came, look_at="what decides when nothing fits", hint=2)


@each_spelling
def test_ex1_a_signature_has_one_spelling(rng: random.Random, name: str) -> None:
    """Upper case, white space, a missing end, another last letter: none of them is the signature."""
    message, key = rng.randbytes(40), rng.randbytes(32)
    good = signature(message, key, name)
    spellings = [good.swapcase(), good + b" ", b" " + good, good[:-1], good[:20] + b"\n" + good[20:], good + b"!"]
    if name == "base64":
        spellings += [good[:42] + bytes([LETTERS[LETTERS.index(good[42]) ^ bit]]) + b"=" for bit in (1, 2, 3)]
    else:
        spellings += [b"0x" + good, b" ".join(good[at : at + 2] for at in range(0, 64, 2))]
    for spelling in spellings:
        came = is_signed(message, [spelling], [key], SPELLINGS[name])
        expect(
            came is False,
            expected=f"False for {spelling!r}; the signature is {good!r}",
            came=came,
            look_at="whether what came is decoded, stripped or changed before it is compared",
            hint=1,
        )


@each_spelling
def test_ex1_any_bytes_are_answered(rng: random.Random, name: str) -> None:
    """Bytes above 127, zeros, nothing, a megabyte: False, and never an exception."""
    hostile = [b"\xff\xfe", "Zoë".encode(), b"\x00", b"", b"=" * 44, b"%s", b"a" * 1_000_000, rng.randbytes(64)]
    for offer in hostile:
        try:
            came: object = is_signed(b"body", [offer], [b"k" * 32], SPELLINGS[name])
        except (ValueError, TypeError) as error:
            came = f"{type(error).__name__}: {error}"
        expect(
            came is False,
            expected=f"False for the offer {offer[:10]!r}",
            came=came,
            look_at="what compare_digest does with text that is not ASCII",
            hint=1,
        )
    good = signature(b"body", b"k" * 32, name)
    came = is_signed(b"body", [*hostile, good], [b"k" * 32], SPELLINGS[name])
    expect(came is True, expected="True for a good signature behind hostile ones", came=came, hint=2)


class Watched(bytes):
    """Bytes that notice being compared with an operator that stops early."""

    seen: list[str]

    def __eq__(self, other: object) -> bool:
        self.seen.append("==")
        return bytes.__eq__(self, other)  # type: ignore[arg-type]

    def __ne__(self, other: object) -> bool:
        self.seen.append("!=")
        return bytes.__ne__(self, other)  # type: ignore[arg-type]

    def __hash__(self) -> int:
        self.seen.append("a set or dict")
        return bytes.__hash__(self)


def test_ex1_the_time_tells_nothing(rng: random.Random) -> None:
    """No comparison stops at the first byte that differs, and no hit spares the keys behind it."""
    message, keys = rng.randbytes(40), [rng.randbytes(32) for _ in range(4)]
    offer = Watched(signature(message, keys[0], "hex"))
    offer.seen = []
    spelled: list[bytes] = []

    def spelling(digest: bytes) -> bytes:
        spelled.append(digest)
        return as_hex(digest)

    came = is_signed(message, [offer], keys, spelling)
    expect(came is True, expected="True: the first key fits", came=came, hint=2)
    expect(
        not offer.seen,
        expected="comparisons in constant time, with hmac.compare_digest",
        came=f"a comparison with {', '.join(offer.seen)}",
        look_at="==, in, sets",
        hint=2,
    )
    expect(
        len(set(spelled)) == len(keys),
        expected="all 4 keys tried, though the first one fits",
        came=f"{len(set(spelled))} tried",
        look_at="any(), return and break inside the loops",
        hint=2,
    )


def test_ex1_every_pair_in_constant_time(rng: random.Random, monkeypatch: pytest.MonkeyPatch) -> None:
    """`compare_digest` sees each offer with each key's signature: behind a hit, and whatever the length of the offer."""
    message, keys = rng.randbytes(40), [rng.randbytes(32) for _ in range(3)]
    mine = [signature(message, key, "hex") for key in keys]
    offered = [b"0" * 64, mine[0], b"too short", mine[2], b"0" * 65]
    seen: set[frozenset[bytes]] = set()
    genuine = hmac.compare_digest

    def watched(a: bytes | str, b: bytes | str) -> bool:
        seen.add(frozenset(each.encode() if isinstance(each, str) else bytes(each) for each in (a, b)))
        return genuine(a, b)  # type: ignore[type-var]

    for module in (hmac, secrets, signatures):
        for called in [called for called, value in vars(module).items() if value is genuine]:
            monkeypatch.setattr(module, called, watched)
    came = is_signed(message, offered, keys, as_hex)
    expect(came is True, expected="True: two of the offers fit", came=came, hint=2)
    missing = [
        f"offer {place} and key {which}"
        for place, offer in enumerate(offered, 1)
        for which, own in enumerate(mine, 1)
        if frozenset((offer, own)) not in seen
    ]
    expect(
        not missing,
        expected="hmac.compare_digest for each of 5 offers with the signature under each of 3 keys",
        came=f"never compared so: {'; '.join(missing)}",
        look_at="break, or, continue and comparisons of your own inside the loops",
        hint=2,
    )


def moments(rng: random.Random) -> datetime:
    return datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=rng.randrange(10**7))


def test_ex2_until_its_end(rng: random.Random) -> None:
    """A secret is good until just before its `not_after`, and no more at it."""
    end = moments(rng) + timedelta(milliseconds=500)
    secret = Secret(b"key", end)
    for what, now, wanted in (
        ("a day before", end - timedelta(days=1), [b"key"]),
        ("a microsecond before", end - timedelta(microseconds=1), [b"key"]),
        ("at the very moment of", end, []),
        ("a year after", end + timedelta(days=365), []),
    ):
        came = live_keys([secret], now)
        expect(
            list(came) == wanted,
            expected=f"{wanted} {what} its not_after",
            came=came,
            look_at="< or <=, and what is rounded",
            hint=3,
        )


def test_ex2_without_an_end_for_ever(rng: random.Random) -> None:
    """A secret without `not_after` is always good."""
    came = live_keys([Secret(b"key")], moments(rng) + timedelta(days=36_500))
    expect(list(came) == [b"key"], expected="[b'key'] a hundred years from now", came=came, look_at="None", hint=3)


def test_ex2_all_that_are_good_in_their_order(rng: random.Random) -> None:
    """Every live key is given, in the order of the secrets, from any iterable."""
    now = moments(rng)
    told = [
        (rng.randbytes(8), rng.choice([None, now - timedelta(hours=1), now + timedelta(hours=1)])) for _ in range(9)
    ]
    told += [(b"live", None), (b"dead", now), (b"live too", now + timedelta(seconds=1))]
    came = list(live_keys((Secret(key, end) for key, end in told), now))
    wanted = [key for key, end in told if end is None or end > now]
    expect(came == wanted, expected=f"{wanted}", came=came, look_at="what is left out, and what is sorted", hint=3)


def test_ex2_instants_not_clock_faces() -> None:
    """18:00 in Tokyo is before 10:00 in London: instants are compared, whatever zone they are told in."""
    tokyo = timezone(timedelta(hours=9))
    secret = Secret(b"key", datetime(2026, 3, 1, 18, 0, tzinfo=tokyo))
    for now, wanted in (
        (datetime(2026, 3, 1, 8, 59, tzinfo=UTC), [b"key"]),
        (datetime(2026, 3, 1, 9, 1, tzinfo=UTC), []),
    ):
        came = live_keys([secret], now)
        expect(
            list(came) == wanted,
            expected=f"{wanted} at {now:%H:%M} UTC, for an end at 18:00 in Tokyo (09:00 UTC)",
            came=came,
            look_at="what happens to the time zone",
            hint=3,
        )


def shown(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def decoded(text: str) -> object:
    try:
        return decode_secret(text)
    except ConfigurationError as error:
        return error
    except (ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"


def test_ex3_decodes_what_providers_show(rng: random.Random) -> None:
    """24 to 64 bytes, with or without the prefix, with or without the padding."""
    for size in (24, 25, 26, 32, 63, 64):
        key = rng.randbytes(size)
        for what, text in (
            ("as shown", shown(key)),
            ("without padding", shown(key).rstrip("=")),
            ("without whsec_", shown(key).removeprefix("whsec_")),
        ):
            came = decoded(text)
            expect(
                came == key,
                expected=f"the {size} bytes of a secret {what}",
                came=came,
                look_at="the prefix and the padding",
                hint=3,
            )


def test_ex3_too_short_or_too_long(rng: random.Random) -> None:
    """Fewer than 24 or more than 64 bytes are refused; bytes of the key count, not letters."""
    for size in (0, 1, 18, 23, 65, 100):
        came = decoded(shown(rng.randbytes(size)))
        expect(
            isinstance(came, ConfigurationError),
            expected=f"a ConfigurationError for a key of {size} bytes",
            came=came,
            look_at="what is counted",
            hint=2,
        )


def test_ex3_strict_letters(rng: random.Random) -> None:
    """A letter that is not base64 is refused, not dropped."""
    good = base64.b64encode(rng.randbytes(48)).decode()
    strange = ["…", " ", "\n", "-", "_", "!", "ë", "\ud800", "="]
    hostile = [(f"{each!r} in it", f"whsec_{good[:30]}{each}{good[30:]}") for each in strange]
    hostile += [(f"{each!r} in place of a letter", f"whsec_{good[:30]}{each}{good[31:]}") for each in strange]
    hostile += [("a space in front", f" whsec_{good}"), ("a line break behind", f"whsec_{good}\n")]
    hostile += [("WHSEC_ in front", f"WHSEC_{good}"), ("whsec_ twice", f"whsec_whsec_{good}")]
    for what, text in hostile:
        came = decoded(text)
        expect(
            isinstance(came, ConfigurationError),
            expected=f"a ConfigurationError for a secret with {what}",
            came=came if isinstance(came, str) else f"a key of {len(came) if isinstance(came, bytes) else '?'} bytes",
            look_at="what b64decode does with letters it does not know, and with text that is not ASCII",
            hint=2,
        )


def told(came: object) -> list[object]:
    """What came, and the exceptions that a report of it would show."""
    links = [came]
    while isinstance(links[-1], BaseException):
        last = links[-1]
        links.append(last.__cause__ or (None if last.__suppress_context__ else last.__context__))
    return links


def test_ex3_quotes_nothing(rng: random.Random) -> None:
    """Neither the message nor what it was raised from holds a piece of the secret."""
    good = base64.b64encode(rng.randbytes(48)).decode()
    for text in (f"whsec_{good[:30]}ë{good[30:]}", f"whsec_{good[:22]}", f"whsec_{good[:20]}!{good[20:]}"):
        came = decoded(text)
        report = " ".join(repr(error) for error in told(came))
        pieces = [text[at : at + 6] for at in range(6, len(text) - 6)]
        found = [piece for piece in pieces if piece in report]
        expect(
            isinstance(came, ConfigurationError) and not found and "\n" not in str(came),
            expected="one line that quotes nothing of the secret, raised from nothing that does",
            came=f"{type(came).__name__} with {len(found)} pieces of the secret in its report",
            look_at="the message, and `from None`",
            hint=2,
        )
