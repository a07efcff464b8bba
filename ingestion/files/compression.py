# Made from solutions/m02_push/15_delimited.ipynb: edit it there.
"""Compressed content: recognised by its first bytes, checked to its last, and never larger than agreed."""

import zlib
from collections.abc import Iterator
from typing import Protocol

import zstandard

from ingestion.errors import ContractViolationError, CorruptError

__all__ = ["Readable", "decoded", "is_packed", "verify"]


_PIECE_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 20
_FREE_BYTES = 1 << 24


class Readable(Protocol):
    """What a reader needs of a file: up to *size* bytes, and none only at the end."""

    def read(self, size: int, /) -> bytes:
        """Give up to *size* bytes."""
        ...


def decoded(stream: Readable, *, max_bytes: int = 1 << 36, max_ratio: int = 1000) -> Readable:
    """Give the content of *stream*: unpacked if it is gzip or zstd, else as it is.

    Its first bytes decide, not its name: no text begins like either. Several members or frames in a row are one
    content. Little more than the next block is ever in memory, whatever the content expands to.

    Args:
        stream: Anything with `read`.
        max_bytes: How large the unpacked content may be.
        max_ratio: How many times larger than the packed one, from 16 MiB on.

    Returns:
        A stream whose `read` raises `CorruptError` where the content ends too early, is damaged, or is followed by
        something else; and `ContractViolationError` where it grows larger than agreed.
    """
    start = b""
    while len(start) < 4 and (more := stream.read(4 - len(start))):
        start += more
    packed = _Packed(start, stream)
    if start.startswith(b"\x1f\x8b"):
        return _Unpacked(_gunzip(packed), packed, max_bytes, max_ratio)
    if is_packed(start):
        return _Unpacked(_unzstd(packed), packed, max_bytes, max_ratio)
    return packed


def is_packed(start: bytes) -> bool:
    """Whether content with this beginning (four bytes or more) is gzip or zstd, a skippable frame included."""
    return start.startswith((b"\x1f\x8b", zstandard.FRAME_HEADER)) or (
        start[1:4] == b"\x2a\x4d\x18" and start[0] & 0xF0 == 0x50
    )


def verify(stream: Readable) -> int:
    """Read *stream* to its end, keeping nothing, and give the number of its bytes.

    For a packed file this comes before its first row lands: that it was cut off shows only at its end.

    Raises:
        CorruptError: as `decoded` says.
        ContractViolationError: as `decoded` says.
    """
    size = 0
    while block := stream.read(1 << 20):
        size += len(block)
    return size


class _Packed:
    """The stream as it came, with the first bytes put back, and a count of what was read."""

    def __init__(self, start: bytes, stream: Readable) -> None:
        self._start = start
        self._stream = stream
        self.size = 0

    def read(self, size: int = _PIECE_BYTES, /) -> bytes:
        if self._start:
            block, self._start = self._start[:size], self._start[size:]
        else:
            block = self._stream.read(size)
        self.size += len(block)
        return block


class _Unpacked:
    """Blocks of content as a stream that stops at its limits."""

    def __init__(self, blocks: Iterator[bytes], packed: _Packed, max_bytes: int, max_ratio: int) -> None:
        self._blocks = blocks
        self._packed = packed
        self._max_bytes = max_bytes
        self._max_ratio = max_ratio
        self._rest = b""
        self._size = 0

    def read(self, size: int, /) -> bytes:
        parts, missing = [self._rest], size - len(self._rest)
        while missing > 0 and (block := next(self._blocks, b"")):
            self._count(len(block))
            parts.append(block)
            missing -= len(block)
        content = b"".join(parts)
        self._rest = content[size:]
        return content[:size]

    def _count(self, more: int) -> None:
        self._size += more
        if self._size > self._max_bytes:
            raise ContractViolationError(f"unpacked it is larger than {self._max_bytes} bytes")
        if self._size > _FREE_BYTES and self._size > self._max_ratio * self._packed.size:
            raise ContractViolationError(f"unpacked it is more than {self._max_ratio} times larger: is it a bomb?")


def _gunzip(packed: _Packed) -> Iterator[bytes]:
    """Give the content of every member in blocks of up to 1 MiB."""
    data = packed.read()
    while data:
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            try:
                block = member.decompress(data, _BLOCK_BYTES)
            except zlib.error as error:
                raise CorruptError(f"damaged gzip, or something that is none after it: {error}") from None
            data = member.unconsumed_tail
            if block:
                yield block
            elif not member.eof and not (data := packed.read()):
                raise CorruptError("the gzip ends in the middle: it was cut off")
        data = member.unused_data or packed.read()
        while data and not (data := data.lstrip(b"\0")):  # tapes and some tools fill up with zeros
            data = packed.read()


def _unzstd(packed: _Packed) -> Iterator[bytes]:
    """Give the content of every frame. One KiB may stand for 32 MiB, so no more goes in at a time."""
    data = memoryview(packed.read())
    while data:
        frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
        while not frame.eof:
            if not data and not (data := memoryview(packed.read())):
                raise CorruptError("the zstd ends in the middle: it was cut off")
            try:
                block = frame.decompress(data[:1024])
            except zstandard.ZstdError as error:
                raise CorruptError(f"damaged zstd, or something that is none after it: {error}") from None
            data = data[1024:]
            if block:
                yield block
        data = memoryview(frame.unused_data + bytes(data) or packed.read())
