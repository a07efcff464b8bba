# Made from solutions/m02_push/15_delimited.ipynb: edit it there.
"""The part of a stream that has been read and not been used up yet, and the rows in it that are bad."""

from collections.abc import Iterable, Iterator

from ingestion.errors import CorruptError
from ingestion.files.compression import Readable
from ingestion.files.parsed import MOST_RAW_BYTES, BadRow, Mark, Parsed

__all__ = ["Window", "bad_rows", "too_long"]


class Window:
    """A stream seen through a window that opens at one end and closes at the other.

    Attributes:
        data: What has been read and not dropped.
        offset: The byte of the stream that `data` begins with.
        ended: Whether `data` reaches to the end of the stream.
    """

    def __init__(self, stream: Readable, block_bytes: int) -> None:
        self._stream = stream
        self._block_bytes = block_bytes
        self.data = b""
        self.offset = 0
        self.ended = False

    def grow(self) -> None:
        """Read another block, or find the end."""
        block = self._stream.read(self._block_bytes)
        self.ended = not block
        self.data += block

    def drop(self, size: int) -> None:
        """Use up the first *size* bytes."""
        self.data = self.data[size:]
        self.offset += size

    def skip_line(self, newline: bytes, mark: Mark, longest_bytes: int) -> Parsed:
        """Use up the line at *mark*, or what there is of it, keeping nothing but its start: a bad row."""
        raw = self.data[:MOST_RAW_BYTES]
        while (at := self.data.find(newline)) < 0 and not self.ended:
            self.drop(len(self.data))
            self.grow()
        self.drop(len(self.data) if at < 0 else at + len(newline))
        bad = BadRow(mark.line, mark.offset, raw, self.offset - mark.offset, too_long(longest_bytes))
        return Parsed((), (bad,), Mark(self.offset, mark.row + 1, mark.line + 1))

    def expect_only(self, blank: bytes) -> None:
        """Use up the rest.

        Raises:
            CorruptError: there is something else in it than the bytes of *blank*.
        """
        while self.data or not self.ended:
            if self.data.strip(blank):
                raise CorruptError("something follows the array")
            self.drop(len(self.data))
            self.grow()

    def drop_to(self, offset: int) -> None:
        """Use up everything before *offset*, which an earlier reader of the same content came to.

        Raises:
            CorruptError: the content ends before.
        """
        ahead = offset - self.offset - len(self.data)
        seek = getattr(self._stream, "seek", None)
        if ahead > 0 and seek is not None and self._stream.seekable():  # type: ignore[attr-defined]
            seek(offset)
            self.data, self.offset = b"", offset
        while self.offset + len(self.data) < offset and not self.ended:
            self.drop(len(self.data))
            self.grow()
        if self.offset + len(self.data) < offset:
            raise CorruptError(f"the content ends before byte {offset}, where an earlier reader came to")
        self.drop(offset - self.offset)


def too_long(longest_bytes: int) -> str:
    """Give the reason that sets a row aside which is longer than that."""
    return f"a row longer than {longest_bytes} bytes"


def bad_rows(
    data: bytes,
    bad: Iterable[tuple[int, int, str]],
    mark: Mark,
    newline: bytes = b"\n",
    *,
    form: str,
    context: bytes = b"",
) -> Iterator[BadRow]:
    """Make bad rows of (start, end, reason) in the order of *data*, at whose beginning *mark* stands."""
    at, line = 0, mark.line
    for start, end, reason in bad:
        line += data.count(newline, at, start)
        at = start
        raw = data[start:end].removesuffix(newline)
        raw = raw.removesuffix(b"\r") if newline == b"\n" else raw
        yield BadRow(line, mark.offset + start, raw[:MOST_RAW_BYTES], len(raw), reason, form, context)
