"""What holds for every key: nothing added is ever denied, and no two keys are spelled alike."""

from hypothesis import given
from hypothesis import strategies as st

from ingestion.dedup.bloom import BloomFilter, Fingerprint, Shape, fingerprint, places, shape_for

KEYS = st.lists(st.text(st.characters(exclude_categories=[])), max_size=4).map(tuple)


@given(st.sets(KEYS, max_size=50), st.integers(1, 30), st.floats(0.0001, 0.9))
def test_what_was_added_is_in_it(keys: set[tuple[str, ...]], capacity: int, error_rate: float) -> None:
    """However small the filter, and however many times over it is full."""
    filter_ = BloomFilter(shape_for(capacity, error_rate))
    for key in keys:
        filter_.add(key)
    assert all(key in filter_ for key in keys)
    assert not any(filter_.add(key) for key in keys)


@given(KEYS, KEYS)
def test_fingerprints_tell_keys_apart(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    """D6: equal fingerprints, equal keys."""
    assert (fingerprint(one) == fingerprint(other)) == (one == other)


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(1, 10**9), st.integers(1, 40))
def test_places_follow_the_published_formula(first: int, second: int, bits: int, hashes: int) -> None:
    """h1 + i * h2 + (i**3 - i) / 6, Dillinger and Manolios 2004."""
    wanted = [(first + i * second + (i**3 - i) // 6) % bits for i in range(hashes)]
    assert places(Fingerprint(first, second), Shape(bits, hashes)) == wanted
