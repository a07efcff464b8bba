"""A file of a gigabyte takes no more memory than a file of ten megabytes."""

import subprocess
import sys

import pytest

# A process of its own: its memory is its own, and so is its highest mark.
READER = '''
import sys, psutil
from collections.abc import Iterator
from ingestion.files.delimited import read_delimited
from ingestion.files.json_lines import read_json
from tests.files import HEADER, PARCELS

AT = "2026-03-01T09:00:00.000000Z"
CSV = b"".join(b'%08d,"left at the ""door""",24,859.37,true,2026-03-02,%s\\n' % (n, AT.encode()) for n in range(20_000))
ROW = '{"id":"%08d","note":"left at the door","pieces":24,"price":"859.37","fragile":true,"due":null,"at":"%s"}'
LINES = "".join(ROW % (n, AT) + "\\n" for n in range(20_000)).encode()
GIGABYTE = 1 << 30


class Repeated:
    """The start, the body over and over until there is a gigabyte, and the end: never all at once."""

    def __init__(self, start: bytes, body: bytes, end: bytes = b"") -> None:
        self._pieces = self._all(start, body, end)
        self._rest = memoryview(b"")

    @staticmethod
    def _all(start: bytes, body: bytes, end: bytes) -> Iterator[bytes]:
        yield start
        for _ in range(GIGABYTE // len(body) + 1):
            yield body
        yield end

    def read(self, size: int) -> bytes:
        while not self._rest:
            try:
                self._rest = memoryview(next(self._pieces))
            except StopIteration:
                return b""
        block, self._rest = self._rest[:size], self._rest[size:]
        return bytes(block)


header = HEADER.encode() + b"\\n"
reader, stream = {
    "csv": (read_delimited, Repeated(header, CSV)),
    "csv of one line": (read_delimited, Repeated(header, b"z" * (1 << 20))),
    "csv of one quote": (read_delimited, Repeated(header + b'1,"', b"z\\n" * (1 << 19))),
    "lines": (read_json, Repeated(b"", LINES)),
    "lines of one line": (read_json, Repeated(b'{"id":"', b"z" * (1 << 20))),
    "array": (read_json, Repeated(b"[", LINES.replace(b"\\n", b",\\n"), LINES[: LINES.index(b"\\n")] + b"]")),
}[sys.argv[1]]
process, rows, bad = psutil.Process(), 0, 0
before = most = process.memory_info().rss
for parsed in reader(stream, PARCELS):
    rows, bad = rows + len(parsed.records), bad + len(parsed.bad)
    most = max(most, process.memory_info().rss)
    if sys.argv[1] == "csv of one quote" and bad > 1_000_000:
        break
print(rows, bad, most // 1_000_000, (most - before) // 1_000_000)
'''


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["csv", "csv of one line", "csv of one quote", "lines", "lines of one line", "array"])
def test_a_gigabyte_in_less_than_200_megabytes(kind: str) -> None:
    done = subprocess.run([sys.executable, "-c", READER, kind], capture_output=True, text=True, check=True)
    rows, bad, most, more = map(int, done.stdout.split())
    assert rows > 5_000_000 or "one" in kind
    assert bad == 0 or "one" in kind
    assert most < 200
    assert more < 100
