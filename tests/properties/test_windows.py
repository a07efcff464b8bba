"""Windows over a listing: they cover what was asked for, and page numbers overlap as offsets do."""

from hypothesis import given
from hypothesis import strategies as st

from ingestion.rest.windows import numbered_windows, offset_windows


@given(st.integers(0, 10**9), st.integers(2, 10_000))
def test_an_offset_window_starts_where_it_is_asked_to(start: int, size: int) -> None:
    window = offset_windows()(start, size)
    assert (window.start, window.size) == (start, size)
    assert window.params == {"offset": str(start), "limit": str(size)}


@given(st.integers(0, 10**6), st.integers(20, 1_000), st.integers(0, 1))
def test_a_numbered_page_covers_the_row_and_reaches_past_it(start: int, size: int, first_page: int) -> None:
    """P6: the page holds row *start*, the last one read, and at least one row behind it."""
    window = numbered_windows(first_page=first_page)(start, size)
    page, per_page = int(window.params["page"]) - first_page, int(window.params["per_page"])
    assert page * per_page == window.start <= start
    assert window.start + window.size > start + 1
    assert size // 2 < window.size == per_page <= size


@given(st.integers(100, 1_000))
def test_numbered_pages_waste_little(size: int) -> None:
    """A thousand overlapping pages reach at least 85 % as far as pages that only touch."""
    end = 0
    for _ in range(1_000):
        window = numbered_windows()(max(0, end - 1), size)
        assert window.start + window.size > end
        end = window.start + window.size
    assert end >= 0.85 * 1_000 * size
