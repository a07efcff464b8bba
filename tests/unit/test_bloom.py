"""The filter's arithmetic: stable fingerprints, a shape that keeps its promise, an error rate as predicted."""

import os
import random
import subprocess
import sys

import pytest

from ingestion.dedup.bloom import BloomFilter, Fingerprint, Shape, fingerprint, places, shape_for

KEY = ("stripe", "events", "evt_1Mü🎉")


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    """D5: whatever PYTHONHASHSEED says."""
    program = f"from ingestion.dedup.bloom import fingerprint; print(fingerprint({KEY!r}))"
    said = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": salt},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for salt in ("0", "1", "4294967295")
    }
    assert said == {str(fingerprint(KEY))}


def test_a_fingerprint_never_changes() -> None:
    """D5: a change of the rule would make every filter in Redis forget; this is what it says today."""
    assert fingerprint(("stripe", "events", "evt_1")) == Fingerprint(6560012385642125678, 6540274153690924118)


def test_keys_of_two_sources_are_two_keys() -> None:
    """D6: and no part can pose as a piece of its neighbour."""
    one_text = "ab:1:c"
    cuts = [(one_text[:at], one_text[at:]) for at in range(len(one_text) + 1)]
    keys = [(one_text,), *cuts, ("ab", "1", "c"), ("a", "b:1:c", ""), ("", one_text, "")]
    assert len({fingerprint(key) for key in keys}) == len(keys)
    assert fingerprint(("github", "events", "1")) != fingerprint(("stripe", "events", "1"))


def test_hostile_text_has_a_fingerprint() -> None:
    odd = ["\ud800", "\udfff", "\0", "", "é", "e\u0301", "x" * 1_000_000]
    assert len({fingerprint((text,)) for text in odd}) == len(odd)


def test_one_string_is_no_key() -> None:
    with pytest.raises(TypeError, match="sequence"):
        fingerprint("evt_1")


@pytest.mark.parametrize("error_rate", [0.9, 0.5, 0.3, 0.1, 0.01, 0.001, 1e-6, 1e-12])
@pytest.mark.parametrize("capacity", [1, 7, 1000, 123_456_789])
def test_the_shape_keeps_the_promise_with_the_fewest_bits(capacity: int, error_rate: float) -> None:
    shape = shape_for(capacity, error_rate)
    assert shape.error_rate(capacity) <= error_rate * (1 + 1e-9)
    for hashes in range(1, 60):
        if capacity > 100 and hashes != shape.hashes:
            assert Shape(shape.bits - 1, hashes).error_rate(capacity) > error_rate


@pytest.mark.parametrize(("capacity", "error_rate"), [(0, 0.1), (-1, 0.1), (10, 0.0), (10, 1.0), (10, float("nan"))])
def test_nonsense_is_refused(capacity: int, error_rate: float) -> None:
    with pytest.raises(ValueError, match="capacity"):
        shape_for(capacity, error_rate)


def test_an_empty_filter_knows_nothing_and_a_full_one_everything() -> None:
    filter_ = BloomFilter(Shape(8, 2))
    assert Shape(8, 2).error_rate(0) == 0.0
    assert KEY not in filter_
    for number in range(100):
        filter_.add(("k", str(number)))
    assert filter_.filled() == 1.0
    assert KEY in filter_


@pytest.mark.parametrize("error_rate", [0.1, 0.01, 0.001])
def test_measured_error_is_as_configured(error_rate: float) -> None:
    """D4: at capacity, measured against promised; more than twice is a fault, and so is none at all."""
    rng = random.Random(7)
    filter_ = BloomFilter(shape_for(5_000, error_rate))
    for _ in range(5_000):
        filter_.add(("stripe", str(rng.random())))
    asked = 50_000
    measured = sum(("github", str(rng.random())) in filter_ for _ in range(asked)) / asked
    assert 0.5 * error_rate < measured < 1.5 * error_rate
    assert filter_.filled() == pytest.approx(error_rate ** (1 / filter_.shape.hashes), abs=0.02)


def test_no_pair_of_numbers_falls_into_a_small_circle() -> None:
    """A second number that is a multiple of the size, or half of it, still gives different places."""
    shape = Shape(1_000, 10)
    for second in (0, 1_000, 500, 250, 999, 2**64 - 1):
        found = places(Fingerprint(123_456_789, second), shape)
        assert len(found) == 10
        assert len(set(found)) >= 8, second
        assert all(0 <= place < 1_000 for place in found)
