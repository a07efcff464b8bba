"""Lesson m01.03: one spelling, one hash, one shape."""

import hashlib
import json
import random
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest

from ingestion.errors import ContractViolationError
from ingestion.record import Record, canonical_json
from workbook.grading import expect

LETTERS = 'aé漢ß🦀\u0301\n"\\ '


def _document(rng: random.Random, depth: int = 3) -> Any:
    kind = rng.randrange(8 if depth else 5)
    match kind:
        case 0:
            return rng.choice([None, True, False])
        case 1:
            return rng.randrange(-(2**40), 2**40)
        case 2:
            return rng.random() * 10 ** rng.randrange(-5, 9)
        case 3 | 4:
            return "".join(rng.choices(LETTERS, k=rng.randrange(6)))
        case 5:
            return [_document(rng, depth - 1) for _ in range(rng.randrange(4))]
        case _:
            return {f"{rng.choice(LETTERS)}{index}": _document(rng, depth - 1) for index in range(rng.randrange(5))}


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(key, _shuffled(each, rng)) for key, each in value.items()]
        rng.shuffle(items)
        return dict(items)
    return [_shuffled(each, rng) for each in value] if isinstance(value, list) else value


def test_ex1_two_spellings_one_text(rng: random.Random) -> None:
    """Key order, white space and escapes do not change the bytes; parsing gives the same document back."""
    for _ in range(150):
        document = _document(rng)
        spelled = json.dumps(_shuffled(document, rng), ensure_ascii=rng.random() < 0.5, indent=rng.choice([None, 2]))
        one, two = canonical_json(document), canonical_json(json.loads(spelled))
        expect(
            one == two,
            expected="the same bytes for two spellings of one document",
            came=f"{one!r} and {two!r}",
            look_at="key order, at every depth",
            hint=3,
        )
        expect(
            json.loads(one) == document,
            expected="bytes that parse to the same document",
            came=one.decode(),
            look_at="what was lost",
        )
    came = canonical_json({"b": "é", "a": [1, {"z": None}]})
    expect(
        came == '{"a":[1,{"z":null}],"b":"é"}'.encode(),
        expected='{"a":[1,{"z":null}],"b":"é"}',
        came=came.decode(),
        look_at="white space and escapes",
    )


def test_ex1_differences_that_count() -> None:
    """Array order, number against string, composed against decomposed letters give different bytes."""
    for one, two in (
        ([1, 2], [2, 1]),
        (1, "1"),
        ("\u00e9", "e\u0301"),
        ({"a": None}, {}),
        (0, False),
        (1, 1.0),
        ("a ", "a"),
    ):
        came = canonical_json(one), canonical_json(two)
        expect(
            came[0] != came[1],
            expected=f"different bytes for {one!r} and {two!r}",
            came=came[0].decode(),
            look_at="what a reader downstream would miss",
        )


def test_ex1_integers_of_any_size(rng: random.Random) -> None:
    """Integers beyond 64 bits stay exact, next to anything else."""
    for bits in (63, 64, 65, 200):
        number = rng.getrandbits(bits) | (1 << bits)
        value = {"z": "é", "id": -number if rng.random() < 0.5 else number, "a": [None, number]}
        came = canonical_json(value)
        wanted = f'{{"a":[null,{number}],"id":{value["id"]},"z":"é"}}'
        expect(
            came == wanted.encode(),
            expected=wanted,
            came=came.decode(),
            look_at="what orjson says about 64 bits",
            hint=2,
        )


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")], ids=str)
def test_ex1_refuses_what_is_no_number(number: float, rng: random.Random) -> None:
    """NaN and infinity are refused wherever they hide, also among real nulls and next to a huge integer."""
    for value in (
        number,
        [None, number],
        {"a": {"b": [None, {"c": number}]}},
        {"a": (1, number)},
        {"id": 2**70, "x": number},
    ):
        _expect_refused(value, f"{number} inside {type(value).__name__}", "orjson writes NaN as null")
    fine = canonical_json({"a": None, "b": [None, 1.5]})
    expect(
        fine == b'{"a":null,"b":[null,1.5]}',
        expected="real nulls to pass",
        came=fine.decode(),
        look_at="the search for NaN",
        hint=2,
    )
    for text in ("null", "NaN", "Nancy", "infinite"):
        fine = canonical_json({"a": None, "b": text})
        expect(
            fine == f'{{"a":null,"b":"{text}"}}'.encode(),
            expected=f"the text {text!r} next to a null to pass",
            came=fine.decode(),
            look_at="what is searched: the value, or its text",
            hint=2,
        )


def test_ex1_refuses_what_has_no_spelling() -> None:
    """Keys that are no strings, lone surrogates, foreign types and endless nesting are refused."""
    endless: list[Any] = []
    endless.append(endless)
    for value, what in (
        ({1: "a"}, "a key that is no string"),
        ({1: 2**70}, "a key that is no string, next to a huge integer"),
        ({"a": "\ud800"}, "a lone surrogate"),
        ({"id": 2**70, "a": "\ud800"}, "a lone surrogate, next to a huge integer"),
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, "a datetime"),
        ({1, 2}, "a set"),
        (b"bytes", "bytes"),
        (endless, "a list that holds itself"),
    ):
        _expect_refused(value, what, "which errors the encoders raise")


def test_ex1_the_message_keeps_the_data_to_itself(rng: random.Random) -> None:
    """The message of a refusal names the kind of fault, and nothing of the data: it goes into logs."""
    name = "".join(rng.choices("abcdefgh", k=12))
    for trouble in (float("nan"), {1: 2}, {2: 2**70}, "\ud800", datetime(2026, 1, 1, tzinfo=UTC), {1, 2}):
        try:
            came: object = canonical_json({"customer": name, "trouble": trouble})
        except ContractViolationError as error:
            came = str(error)
            expect(
                name not in came and bool(came),
                expected="a message that quotes nothing of the document",
                came=came.replace(name, "<the customer>"),
                look_at="the words of your message",
                hint=3,
            )
        else:
            expect(False, expected=f"a ContractViolationError for {trouble!r}", came=came, hint=2)


def _expect_refused(value: Any, what: str, look_at: str) -> None:
    came: object
    try:
        came = canonical_json(value)
    except ContractViolationError:
        return
    except (TypeError, ValueError, RecursionError) as error:
        came = f"{type(error).__name__}, which no caller expects"
    expect(False, expected=f"a ContractViolationError for {what}", came=came, look_at=look_at, hint=2)


def test_ex2_carries_what_it_was_given(rng: random.Random) -> None:
    """A record holds the canonical payload and its SHA-256."""
    payload = {"id": rng.randrange(1000), "name": "Zoë", "lines": [1, 2]}
    at = datetime(2026, 3, 1, 12, 30, 15, 123_456, tzinfo=UTC)
    record = Record.of("shop", "orders", " O-1", _shuffled(payload, rng), at)
    text = json.dumps(payload, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
    for came, wanted, what in (
        (
            (record.source, record.stream, record.key),
            ("shop", "orders", " O-1"),
            "source, stream and key as given",
        ),
        (record.payload, text, f"the payload {text.decode()}"),
        (record.content_hash, hashlib.sha256(text).digest(), "the SHA-256 of the payload"),
        (record.occurred_at, at, "occurred_at as given"),
    ):
        expect(came == wanted, expected=what, came=came, look_at="the order of the fields", hint=3)


def test_ex2_one_payload_one_hash(rng: random.Random) -> None:
    """Two spellings of a payload make equal records, and one changed character makes another."""
    payload = {"a": 1, "b": {"c": [1, 2], "d": "x"}}
    at = datetime(2026, 3, 1, tzinfo=UTC)
    one, two = (Record.of("s", "t", "k", _shuffled(payload, rng), at) for _ in range(2))
    expect(one == two, expected="equal records", came=[one.payload, two.payload], look_at="what is hashed")
    other = Record.of("s", "t", "k", {**payload, "a": 2}, at)
    expect(
        one.content_hash != other.content_hash,
        expected="another hash for another payload",
        came=other.content_hash.hex()[:16],
        look_at="what is hashed",
    )


def test_ex2_refuses_an_empty_key() -> None:
    """A record without a key is refused."""
    _expect_record_refused("an empty key", key="")


class _Undecided(tzinfo):
    """A time zone that does not know its offset."""

    def utcoffset(self, _: datetime | None) -> timedelta | None:
        return None

    def dst(self, _: datetime | None) -> timedelta | None:
        return None

    def tzname(self, _: datetime | None) -> str | None:
        return None


def test_ex2_refuses_times_without_a_zone() -> None:
    """A naive occurred_at is refused, and so is one whose zone knows no offset; any real offset is fine."""
    _expect_record_refused("a naive occurred_at", occurred_at=datetime(2026, 3, 1, 9))
    _expect_record_refused(
        "an occurred_at whose zone knows no offset", occurred_at=datetime(2026, 3, 1, 9, tzinfo=_Undecided())
    )
    eastern = datetime(2026, 3, 1, 9, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    record = Record.of("s", "t", "k", {}, eastern)
    expect(
        record.occurred_at == eastern,
        expected="+05:30 to be accepted",
        came=record.occurred_at,
        look_at="utcoffset()",
    )


def test_ex2_refuses_a_payload_without_a_spelling() -> None:
    """What canonical_json refuses, the constructor refuses."""
    _expect_record_refused("a payload with NaN", payload={"a": float("nan")})


def _expect_record_refused(what: str, **changed: Any) -> None:
    fields: dict[str, Any] = {
        "key": "k",
        "payload": {},
        "occurred_at": datetime(2026, 3, 1, tzinfo=UTC),
        **changed,
    }
    try:
        came = Record.of("s", "t", fields["key"], fields["payload"], fields["occurred_at"])
    except ContractViolationError:
        return
    expect(
        False,
        expected=f"a ContractViolationError for {what}",
        came=came,
        look_at="what the next person down the line would do with it",
        hint=1,
    )
