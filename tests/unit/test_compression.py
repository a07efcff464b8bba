"""Compressed content: whole or not at all, and never a bomb."""

import gzip
import io
import tracemalloc
import zlib

import pytest
import zstandard

from ingestion.errors import ContractViolationError, CorruptError, IngestionError
from ingestion.files.compression import decoded, is_packed, verify
from tests.files import Trickle

CONTENT = b"id,note\n" + b"".join(b"%d,some text\n" % number for number in range(5000))


def zstd(content: bytes) -> bytes:
    """With a checksum and without the size, as a stream is written."""
    made = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return made.compress(content) + made.flush()


PACKED = [
    CONTENT,
    gzip.compress(CONTENT),
    gzip.compress(CONTENT[:100]) + gzip.compress(b"") + gzip.compress(CONTENT[100:]),
    gzip.compress(CONTENT) + bytes(512),
    gzip.compress(CONTENT[:100]) + bytes(700) + gzip.compress(CONTENT[100:]) + bytes(70_000),
    zstd(CONTENT),
    zstandard.ZstdCompressor().compress(CONTENT),
    zstd(CONTENT[:100]) + zstd(b"") + zstd(CONTENT[100:]),
    b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc" + zstd(CONTENT),
]


@pytest.mark.parametrize(
    "packed",
    PACKED,
    ids=["plain", "gzip", "members", "padded", "padded members", "zstd", "sized", "frames", "skippable"],
)
@pytest.mark.parametrize("most", [1, 1000, 1 << 20])
def test_the_content_comes_out(packed: bytes, most: int) -> None:
    if most > 1 or len(packed) < 20_000:
        stream = decoded(Trickle(packed, most))
        blocks = []
        while block := stream.read(7777):
            blocks.append(block)
        assert b"".join(blocks) == CONTENT
        assert {len(block) for block in blocks[:-1]} <= {7777} or packed == CONTENT
        assert stream.read(1) == b""


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_cut_off_anywhere_it_fails(pack: object) -> None:
    packed = pack(CONTENT[:500])  # type: ignore[operator]
    for cut in range(4, len(packed)):
        with pytest.raises(CorruptError, match="cut off"):
            verify(decoded(io.BytesIO(packed[:cut])))


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("junk", [b"x", b"\0\0junk", b"id,note\n1,a\n", b"\x1f\x8b"])
def test_something_after_it_fails(pack: object, junk: bytes) -> None:
    with pytest.raises(CorruptError):
        verify(decoded(io.BytesIO(pack(CONTENT) + junk)))  # type: ignore[operator]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_flipped_bit_fails_or_changes_nothing(pack: object) -> None:
    packed = bytearray(pack(CONTENT[:300]))  # type: ignore[operator]
    for at in range(4, len(packed)):
        packed[at] ^= 0x10
        try:
            out = decoded(io.BytesIO(bytes(packed))).read(1 << 20)
        except IngestionError:
            pass
        else:
            assert out == CONTENT[:300], at  # a time or a name in a header
        packed[at] ^= 0x10


@pytest.mark.parametrize("pack", [lambda zeros: gzip.compress(zeros), zstd])
def test_a_bomb_is_stopped_early_and_in_little_memory(pack: object) -> None:
    packed = pack(bytes(1 << 28))  # type: ignore[operator]
    tracemalloc.start()
    for limits, said in (
        ({"max_ratio": 200}, "200 times larger"),
        ({"max_bytes": 1 << 22}, "larger than 4194304 bytes"),
    ):
        with pytest.raises(ContractViolationError, match=said):
            verify(decoded(io.BytesIO(packed), **limits))  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


def test_content_decides_not_a_name() -> None:
    assert is_packed(gzip.compress(b""))
    assert is_packed(zstd(b""))
    assert not any(map(is_packed, (b"", b"id,n", b"[{", b"PAR1", b"\xef\xbb\xbfi", zlib.compress(b"x"))))


def test_verify_gives_the_size() -> None:
    assert verify(decoded(io.BytesIO(gzip.compress(CONTENT)))) == len(CONTENT)
