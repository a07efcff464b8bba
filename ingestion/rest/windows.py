# Made from solutions/m01_rest/11_offset.ipynb: edit it there.
"""How to ask a listing for a given stretch of rows: by offset, or by the number of a page."""

from collections.abc import Callable, Mapping

import msgspec

__all__ = ["Window", "Windows", "numbered_windows", "offset_windows"]


class Window(msgspec.Struct, frozen=True):
    """One request: rows *start* up to *start* + *size*, asked for with *params*."""

    start: int
    size: int
    params: Mapping[str, str]


Windows = Callable[[int, int], Window]


def offset_windows(offset_param: str = "offset", limit_param: str = "limit") -> Windows:
    """Give windows that start exactly where they are asked to."""

    def window(start: int, size: int) -> Window:
        return Window(start, size, {offset_param: str(start), limit_param: str(size)})

    return window


def numbered_windows(page_param: str = "page", size_param: str = "per_page", *, first_page: int = 1) -> Windows:
    """Give the page, of whatever size, that covers row *start* and reaches furthest past it.

    Pages of one size only touch; pages of two sizes overlap. So a seam can be checked here too, for a few rows more
    a page. Ask for 20 rows a page or more: below that there may be no second size that overlaps.
    """

    def window(start: int, size: int) -> Window:
        chosen = min(range(size, size // 2, -1), key=lambda candidate: start % candidate - candidate)
        index = start // chosen
        return Window(index * chosen, chosen, {page_param: str(first_page + index), size_param: str(chosen)})

    return window
