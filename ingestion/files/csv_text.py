# Made from solutions/m02_push/15_delimited.ipynb: edit it there.
"""The bytes of a CSV file as text, without losing where in the bytes one is, and the pattern of a record in it."""

import codecs
import re
from collections.abc import Iterable, Iterator
from functools import cache

from ingestion.errors import ContractViolationError
from ingestion.files.window import Window

__all__ = ["byte_spans", "decode", "encode", "header_line", "record_pattern", "stain"]


_LONGEST_HEADER_BYTES = 1 << 16


def decode(content: bytes) -> tuple[str, bool]:
    """Give the text, bytes that are not UTF-8 as half surrogate pairs; and whether it is free of those and of NUL."""
    try:
        return content.decode(), b"\0" not in content
    except UnicodeDecodeError:
        return content.decode(errors="surrogateescape"), False


def encode(text: str) -> bytes:
    """Give the very bytes that `decode` made *text* of."""
    return text.encode(errors="surrogateescape")


def stain(text: str) -> str:
    """Say what in *text* no column can hold; empty when it is clean."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "not UTF-8"
    return "a NUL character, which Postgres cannot store" if "\0" in text else ""


def byte_spans(text: str, bad: Iterable[tuple[int, int, str]]) -> Iterator[tuple[int, int, str]]:
    """Turn places in *text* into places in its bytes; they come in order."""
    at = offset = 0
    for start, end, reason in bad:
        offset += len(encode(text[at:start]))
        at = start
        yield offset, offset + len(encode(text[start:end])), reason


@cache
def record_pattern(delimiter: str, newline: str, width: int) -> re.Pattern[str]:
    """Give the pattern of a whole record: *width* fields, each a group, and its line end. Or else of one character.

    So every match begins where the last one ended, and one without a group is where no record is. The quantifiers
    are possessive: no text makes it try twice.
    """
    field = rf'("[^"]*+(?:""[^"]*+)*+"|[^"{re.escape(delimiter)}\r\n]*+)'
    line_end = newline if newline == "\r" else f"\r?{newline}"
    return re.compile(f"{re.escape(delimiter).join([field] * width)}{line_end}|(?s:.)")


def header_line(window: Window) -> str | None:
    """Use up the first line and give it with its line end, without a byte order mark; None if there is nothing at all.

    Raises:
        ContractViolationError: it is not UTF-8, or does not end.
    """
    while not window.ended and len(window.data) <= _LONGEST_HEADER_BYTES:
        window.grow()
    content = window.data.removeprefix(codecs.BOM_UTF8)
    if window.ended and not content.strip():
        return None
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ContractViolationError("the file is UTF-16, wanted is UTF-8")
    line = content.splitlines(keepends=True)[0]
    if len(line) > _LONGEST_HEADER_BYTES:
        raise ContractViolationError(f"no header: the first line is longer than {_LONGEST_HEADER_BYTES} bytes")
    window.drop(len(window.data) - len(content) + len(line))
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ContractViolationError("the header is not UTF-8") from None
