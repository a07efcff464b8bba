"""Lesson m02.04: fingerprints that last, a shape that keeps its promise, places without circles."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from ingestion.dedup import bloom
from ingestion.dedup.bloom import Fingerprint, Shape, fingerprint, places, shape_for
from workbook.grading import expect

LETTERS = "ab:/|,.-_\0\x1f 0123é🎉\ud800"


def some_text(rng: random.Random) -> str:
    return "".join(rng.choice(LETTERS) for _ in range(rng.randrange(6)))


def test_ex1_is_the_same_in_every_process(rng: random.Random) -> None:
    """A fingerprint does not depend on the process that makes it."""
    key = ("stripe", f"evt_{rng.randrange(10**9)}")
    here = str(fingerprint(key))
    package = str(Path(bloom.__file__).parents[2])
    program = (
        f"import sys; sys.path.insert(0, {package!r})\nfrom ingestion.dedup.bloom import *\nprint(fingerprint({key!r}))"
    )
    salted = {**os.environ, "PYTHONHASHSEED": str(rng.randrange(1, 10**9))}
    ran = subprocess.run([sys.executable, "-c", program], env=salted, capture_output=True, text=True, check=True)
    expect(
        ran.stdout.strip() == here,
        expected=f"another process to give {key} the same fingerprint, {here}",
        came=ran.stdout.strip(),
        look_at="which hash is salted anew in each process",
        hint=3,
    )


def test_ex1_keys_that_differ_differ(rng: random.Random) -> None:
    """No two keys share a fingerprint, however their parts are cut and whatever characters they hold."""
    texts = ["".join(rng.choice("ab:|,\0\x1f12") for _ in range(8)) for _ in range(20)]
    keys = {tuple(some_text(rng) for _ in range(rng.randrange(4))) for _ in range(300)}
    for text in texts:
        keys |= {(text[:at], text[at:]) for at in range(9)} | {(text,), ("", text, "")}
    seen: dict[Fingerprint, tuple[str, ...]] = {}
    for key in sorted(keys):
        other = seen.setdefault(fingerprint(key), key)
        expect(
            other == key,
            expected=f"different fingerprints for {other} and {key}",
            came="the same one",
            look_at="the bytes that are hashed for each of the two",
            hint=1,
        )


def shortened(key: tuple[str, ...]) -> str:
    return str(key) if len(str(key)) < 60 else f"{len(key)} parts of {len(key[0])} characters, all zeros"


def test_ex1_a_length_cannot_be_forged() -> None:
    """A part that looks like lengths and parts of its own is still one part."""
    pairs = [
        (("2", "aa", "aa", "aa", "aa"), ("2aa2aa2aa2aa",)),
        (("1:a", "b"), ("1:a1:b",)),
        (("a",), ("a", "")),
        ((), ("",)),
        (("\0" * 256,), ("",) * 257),
        (("\0" * 65_536,), ("",) * 32_769),
    ]
    for one, other in pairs:
        expect(
            fingerprint(one) != fingerprint(other),
            expected=f"different fingerprints for {shortened(one)} and {shortened(other)}",
            came="the same one",
            look_at="where a reader of the hashed bytes would think that a length ends",
            hint=2,
        )


def test_ex1_text_is_taken_as_it_is() -> None:
    """Equal looks are not equal keys, and half a surrogate pair is no reason to fail."""
    odd = ["é", "e\u0301", "E", "e", " e", "\ud800", "\udfff", "?", "\ufffd", "x" * 100_000]
    odd += ["🎉", "\ud83c\udf89", "\\ud83c\\udf89"]  # one character; its two halves, as JSON spells it; that spelling
    try:
        came = len({fingerprint((text,)) for text in odd})
    except UnicodeError as error:
        expect(False, expected="a fingerprint for a lone surrogate", came=repr(error), look_at="`encode`", hint=3)
    expect(
        came == len(odd),
        expected=f"{len(odd)} fingerprints for {len(odd)} texts that only look alike",
        came=f"{came}",
        look_at="what is lost before hashing",
        hint=1,
    )


def test_ex1_gives_two_numbers_of_64_bits(rng: random.Random) -> None:
    """Both numbers use all of their 64 bits, and say different things."""
    made = [fingerprint(("stripe", str(rng.random()))) for _ in range(400)]
    for name, numbers in (("first", [of.first for of in made]), ("second", [of.second for of in made])):
        expect(
            all(isinstance(number, int) and 0 <= number < 2**64 for number in numbers),
            expected=f"`{name}` from 0 to 2**64 - 1",
            came=max(numbers),
            hint=3,
        )
        set_bits = [sum(number >> bit & 1 for number in numbers) for bit in range(64)]
        expect(
            min(set_bits) > 120 and max(set_bits) < 280,
            expected=f"every bit of `{name}` to be set in about half of 400 fingerprints",
            came=f"in {min(set_bits)} to {max(set_bits)}",
            look_at="how many bytes of the digest go into each number",
            hint=3,
        )
    same = sum(of.first == of.second for of in made)
    expect(same == 0, expected="a second number that is not the first", came=f"{same} of 400 equal", hint=3)


def test_ex1_one_string_is_no_key() -> None:
    """A string where a sequence of strings belongs is refused with TypeError."""
    try:
        came: object = fingerprint("evt_1")
    except TypeError:
        return
    expect(
        False,
        expected="a TypeError for fingerprint('evt_1')",
        came=came,
        look_at="what a loop over a string gives",
        hint=1,
    )


def test_ex2_keeps_the_promise(rng: random.Random) -> None:
    """At capacity, the predicted error rate is never above the one that was asked for."""
    for _ in range(200):
        capacity, error_rate = rng.randrange(1, 10**6), 10 ** rng.uniform(-9, -0.02)
        shape = shape_for(capacity, error_rate)
        predicted = shape.error_rate(capacity)
        expect(
            predicted <= error_rate * (1 + 1e-9),
            expected=f"a predicted error rate of at most {error_rate:.4g} with {capacity} keys",
            came=f"{predicted:.4g} with {shape}",
            look_at="for which number of hashes the bits were worked out",
            hint=2,
        )


def test_ex2_wastes_no_bits(rng: random.Random) -> None:
    """No other number of hashes would keep the promise with fewer bits, beyond rounding."""
    asked = [(rng.randrange(1_000, 10**6), 10 ** rng.uniform(-6, -0.05)) for _ in range(100)]
    asked += [(10**6, 2 ** -(hashes + part)) for hashes in (1, 2) for part in (0.42, 0.45, 0.48)]
    for capacity, error_rate in asked:
        shape = shape_for(capacity, error_rate)
        for hashes in range(1, 40):
            fewer = Shape(int(shape.bits * 0.9995) - 1, hashes)
            expect(
                fewer.error_rate(capacity) > error_rate,
                expected=f"no {fewer} that keeps {error_rate:.4g} for {capacity} keys",
                came=f"{shape}, which is larger",
                look_at="the two whole numbers next to the ideal number of hashes",
                hint=3,
            )


def test_ex2_the_smallest_of_its_kind(rng: random.Random) -> None:
    """A small filter wastes nothing either: two bits fewer, and the promise is broken."""
    for _ in range(100):
        capacity, error_rate = rng.randrange(5, 100), 10 ** rng.uniform(-6, -0.5)
        shape = shape_for(capacity, error_rate)
        fewer = Shape(shape.bits - 2, shape.hashes)
        expect(
            fewer.error_rate(capacity) > error_rate,
            expected=f"no {fewer} that keeps {error_rate:.4g} for {capacity} keys",
            came=f"{shape}, which is larger",
            look_at="what the bits are rounded to",
            hint=3,
        )


def test_ex2_whole_numbers_and_at_least_one_hash(rng: random.Random) -> None:
    """Even a filter that may be wrong nearly always has one hash, and bits that are a whole number."""
    for error_rate in (0.999, 0.9, 0.71, 0.6, rng.uniform(0.5, 0.99)):
        shape = shape_for(1_000, error_rate)
        expect(
            type(shape.bits) is int and type(shape.hashes) is int and shape.hashes == 1 and shape.bits >= 1,
            expected=f"whole numbers and 1 hash for an error rate of {error_rate:.3f}",
            came=shape,
            look_at="log2(1 / p) for p above 1/2",
            hint=3,
        )


@pytest.mark.parametrize(
    ("capacity", "error_rate"), [(0, 0.01), (-5, 0.01), (10, 0.0), (10, 1.0), (10, -0.1), (10, 1.5), (10, float("nan"))]
)
def test_ex2_refuses_nonsense(capacity: int, error_rate: float) -> None:
    """Numbers that make no sense are refused with ValueError that says so."""
    try:
        came: object = shape_for(capacity, error_rate)
    except ValueError as error:
        came = f"ValueError: {error}"
        if "math domain" not in came and "convert float" not in came:
            return
    expect(
        False,
        expected=f"a ValueError of your own for {capacity} keys and an error rate of {error_rate}",
        came=came,
        look_at="what comes before the arithmetic",
        hint=1,
    )


def test_ex3_places_are_in_range_and_enough(rng: random.Random) -> None:
    """As many places as hashes, each between 0 and bits - 1."""
    for most in [10**7] * 100 + [20] * 20:
        shape = Shape(rng.randrange(1, most), rng.randrange(1, 30))
        found = places(Fingerprint(rng.getrandbits(64), rng.getrandbits(64)), shape)
        expect(
            len(found) == shape.hashes and all(0 <= place < shape.bits for place in found),
            expected=f"{shape.hashes} places from 0 to {shape.bits - 1}",
            came=found,
            look_at="where the remainder is taken, and what becomes of a place that comes twice",
            hint=3,
        )


def test_ex3_the_step_grows(rng: random.Random) -> None:
    """Start, one step on, then each step longer by 1, 2, 3: as every other process would compute it."""
    for first, second, bits in [
        (40, 50, 100),
        *((rng.getrandbits(64), rng.getrandbits(64), rng.randrange(50, 10**6)) for _ in range(50)),
    ]:
        wanted = [(first + i * second + (i**3 - i) // 6) % bits for i in range(9)]
        came = list(places(Fingerprint(first, second), Shape(bits, 9)))
        expect(
            came == wanted,
            expected=f"{wanted[:5]}... from {first % bits} with a first step of {second % bits} modulo {bits}",
            came=f"{came[:5]}...",
            look_at="the step between the second place and the third",
            hint=3,
        )


def test_ex3_a_standing_step_still_moves(rng: random.Random) -> None:
    """A second number that is a multiple of the size, or half of it, does not put all bits on one spot."""
    bits = 2 * rng.randrange(500, 5_000)
    for second in (0, bits, 7 * bits, bits // 2):
        found = places(Fingerprint(rng.getrandbits(64), second), Shape(bits, 10))
        expect(
            len(set(found)) >= 8,
            expected=f"at least 8 different places of 10 with a step of {second} modulo {bits}",
            came=found,
            look_at="what changes from one step to the next",
            hint=2,
        )
