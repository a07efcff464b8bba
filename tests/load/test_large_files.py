"""F13: files far larger than the memory that they are loaded in."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow  # but not alone: the memory that is measured is one process's own
@pytest.mark.usefixtures("stack")
def test_a_gigabyte_of_csv_and_of_ndjson_takes_less_than_512_mb() -> None:
    line = [sys.executable, "-m", "benchmarks.files", "--memory", "1"]
    ran = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=3_000, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count(" 1.00 GB") == 2
