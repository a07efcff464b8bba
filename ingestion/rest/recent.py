# Made from solutions/m01_rest/11_offset.ipynb: edit it there.
"""The rows that a walk has read not long ago, in bounded memory."""

from ingestion.record import Record, Reject
from ingestion.rest.page import Page

__all__ = ["Recent"]


class Recent:
    """The keys and hashes of the last *capacity* rows or more, never of more than twice as many."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._young: dict[str | bytes, bytes] = {}
        self._old: dict[str | bytes, bytes] = {}

    def __contains__(self, key: object) -> bool:
        return key in self._young or key in self._old

    def unread(self, page: Page) -> tuple[tuple[Record, ...], tuple[Reject, ...]]:
        """Give the rows of *page* that are not here in the same version."""
        old, young = self._old, self._young
        records = tuple(r for r in page.records if r.content_hash not in (young.get(r.key), old.get(r.key)))
        return records, tuple(reject for reject in page.rejects if reject.raw not in self)

    def add(self, page: Page) -> None:
        """Remember the rows of *page*."""
        self._young.update((record.key, record.content_hash) for record in page.records)
        self._young.update((reject.raw, b"") for reject in page.rejects)
        if len(self._young) >= self._capacity:
            self._old, self._young = self._young, {}

    def add_key(self, key: str) -> None:
        """Remember a row by its key alone."""
        self._young[key] = b""
