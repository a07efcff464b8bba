"""Make every fixture from one seed, or check that the ones on disk are what the seed gives.

    python -m data.generate            write what is missing or different
    python -m data.generate --check    write nothing; exit 1 and name the files that differ

Files are compared by content: a `.gz` by what it holds, a Parquet file by its schema and values. So a newer
zlib or pyarrow, which may spell the same content in other bytes, neither fails the check nor rewrites a file.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
if __package__ in (None, ""):  # run as a file: make `data` importable
    sys.path.insert(0, str(ROOT.parent))

from data.recipes.fixtures import fixtures, same_content  # noqa: E402

SEED = 2026


def differing(root: Path) -> dict[str, bytes]:
    """The fixtures under *root* that are missing or hold something else, with what they should hold."""
    wanted = fixtures(SEED)
    return {
        name: content
        for name, content in wanted.items()
        if not (root / name).exists() or not same_content(name, (root / name).read_bytes(), content)
    }


def main(arguments: list[str] | None = None) -> int:
    """Write or check the fixtures; the exit code says whether all is well."""
    parser = argparse.ArgumentParser(prog="python -m data.generate", description="Make the fixtures.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    check = parser.parse_args(arguments).check
    different = differing(ROOT)
    for name, content in different.items():
        if check:
            print(f"data/{name} is not what seed {SEED} gives: run `python -m data.generate`")
        else:
            (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
            (ROOT / name).write_bytes(content)
            print(f"data/{name}: {len(content):,} bytes")
    if not different:
        print(f"data/: every fixture is what seed {SEED} gives")
    return 1 if check and different else 0


if __name__ == "__main__":
    sys.exit(main())
