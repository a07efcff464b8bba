"""F13: files far larger than the memory that they are loaded in."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.usefixtures("stack")
def test_csv_and_ndjson_larger_than_the_memory_they_may_take_land_in_it() -> None:
    """A gigabyte of each takes four minutes: `python -m benchmarks.files --memory 1`. The peak does not depend on the size."""
    line = [sys.executable, "-m", "benchmarks.files", "--memory", "0.3"]
    ran = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=3_000, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    peaks_mb = [int(peak) for peak in re.findall(r" 0\.30 GB .* rows +(\d+) MB at most", ran.stdout)]
    assert len(peaks_mb) == 2, ran.stdout
    assert max(peaks_mb) < 250
