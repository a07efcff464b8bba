"""REST into Postgres: this package against dlt and against the barest loop that does the job.

    python -m benchmarks.rest            the table of ratios, and exit code 1 if one misses its goal
    python -m benchmarks.rest --memory   peak memory at 100,000 and at 1,000,000 rows
    python -m benchmarks.rest --profile  where this package spends its time

All pull the same rows (200 pages of 500, about 300 bytes each) from the same local server into the same Postgres, in
turn, each in a process and a database of its own. This package also writes an event into the outbox for each row, in the
transaction of the row; dlt and the bare loop do not. `keyset-quiet` is this package without events, to tell what they take;
no goal is measured by it. The figure is the least of the rounds: noise only ever adds. A round
that is not counted comes first, and leaves everybody's modules compiled.
"""

import argparse
import json
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.request import urlopen

import httpx

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `python benchmarks/rest.py`

from benchmarks.rest_systems import PAGE_SIZE
from workbook.providers.client import open_session
from workbook.stack import ensure_up
from workbook.stack.databases import fresh_database

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / ".workbook" / "bench"

# What is compared, at how many ms a page, and the ratio that it has to reach. `dlt` is dlt as it comes, which makes tables
# of nested lists; `dlt-flat` keeps them as JSON, as this package does; `dlt-two` normalises in two processes, the way its
# page on performance shows. `offset` reads eight pages at once, `keyset` one.
GOALS = (
    ("dlt / this package", 0, "dlt", "keyset", ">=", 4.0),
    ("dlt without child tables / this package", 0, "dlt-flat", "keyset", ">=", None),
    ("dlt in two processes / this package", 0, "dlt-two", "keyset", ">=", None),
    ("dlt / this package by offset, newest first", 0, "dlt", "offset", ">=", None),
    ("this package / the bare loop", 0, "keyset", "bare", "<=", 1.35),
    ("dlt / this package without events", 0, "dlt", "keyset-quiet", ">=", None),
    ("this package without events / the bare loop", 0, "keyset-quiet", "bare", "<=", None),
    ("dlt / this package, 8 in flight", 20, "dlt", "offset", ">=", 6.0),
    ("dlt / this package, one after the other", 20, "dlt", "keyset", ">=", 1.8),
)


def dlt_python() -> str:
    """Give the interpreter of the environment that dlt is in; make that first, if need be."""
    folder = BENCH / "dlt"
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    wanted = (ROOT / "benchmarks" / "requirements.txt").read_bytes()
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        print("making .workbook/bench/dlt ...", file=sys.stderr)
        venv.create(folder, clear=True, with_pip=True)
        requirements = str(ROOT / "benchmarks" / "requirements.txt")
        subprocess.run([python, "-m", "pip", "install", "-q", "--require-hashes", "-r", requirements], check=True)
        stamp.write_bytes(wanted)
    return str(python)


def measure(system: str, url: str) -> dict[str, float]:
    """Run one system in a process and a database of its own."""
    with fresh_database(os.environ["DB_URL"]) as db_url:
        line = (
            [dlt_python(), str(ROOT / "benchmarks" / "rest_dlt.py"), url, db_url, str(PAGE_SIZE), system]
            if system.startswith("dlt")
            else [sys.executable, "-m", "benchmarks.rest_systems", system, url, db_url]
        )
        started_s = time.perf_counter()
        ran = subprocess.run(line, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
        whole_s = time.perf_counter() - started_s
    if ran.returncode:
        raise SystemExit(f"{system} failed:\n{ran.stderr}")
    return {**json.loads(ran.stdout.splitlines()[-1]), "whole_s": whole_s}


def environment() -> dict[str, str]:
    """Let every system keep its compiled modules, as it does where it is installed, whatever is set here."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(BENCH / "compiled")}


@contextmanager
def server(rows: int, latency_ms: int) -> Iterator[str]:
    """Serve so many rows from a process of its own, so that no system shares one with it."""
    line = [sys.executable, "-m", "workbook.providers", "--port", "0"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            root = process.stdout.readline().split()[-1]
            while True:
                try:
                    urlopen(f"{root}/health").close()
                    break
                except OSError:
                    time.sleep(0.05)
            with open_session(root=root, rows=rows, max_limit=PAGE_SIZE, latency_ms=latency_ms) as session:
                httpx.get(f"{session.base_url}/orders/offset", params={"limit": 1})
                yield session.base_url
        finally:
            process.terminate()


def compare(rounds: int) -> int:
    """Run every pair in turn and print the ratios; 1 if one misses its goal."""
    missed = 0
    for latency_ms in sorted({goal[1] for goal in GOALS}):
        goals = [goal for goal in GOALS if goal[1] == latency_ms]
        systems = sorted({system for goal in goals for system in goal[2:4]})
        taken: dict[str, list[dict[str, float]]] = {system: [] for system in systems}
        with server(200 * PAGE_SIZE, latency_ms) as url:
            for number in range(rounds + 1):
                for system in systems:
                    run = measure(system, url)
                    assert run["rows"] == 200 * PAGE_SIZE, run
                    if number:
                        taken[system].append(run)
        print(
            f"\n{latency_ms} ms a page{'least':>16}{'median':>9}{'with start':>12}{'CPU':>8}{'us/row':>8}{'peak MB':>9}"
        )
        for system, runs in taken.items():
            seconds, cpu_s = [run["seconds"] for run in runs], min(run["cpu_s"] for run in runs)
            peak_mb = max(run["rss_mb"] for run in runs)
            per_row_us, whole_s = cpu_s / runs[0]["rows"] * 1e6, min(run["whole_s"] for run in runs)
            print(
                f"{system:<14}{min(seconds):>14.2f}{median(seconds):>9.2f}{whole_s:>12.2f}"
                f"{cpu_s:>8.2f}{per_row_us:>8.1f}{peak_mb:>9.0f}"
            )
        for name, _, above, below, sign, goal in goals:
            ratios = [pick(run["seconds"] for run in taken[above]) / pick(run["seconds"] for run in taken[below])
                      for pick in (min, median)]  # fmt: skip
            if goal is None:
                print(f"  {name}: {ratios[0]:.2f} (median {ratios[1]:.2f})")
                continue
            met = ratios[0] >= goal if sign == ">=" else ratios[0] <= goal
            missed += not met
            print(
                f"  {name}: {ratios[0]:.2f} (median {ratios[1]:.2f}), goal {sign} {goal}: {'met' if met else 'MISSED'}"
            )
    return 1 if missed else 0


def memory() -> int:
    """Print the peak memory of this package at two sizes; 1 if it grows with the rows."""
    peaks: list[float] = []
    for rows in (100_000, 1_000_000):
        with server(rows, 0) as url:
            if not peaks:  # compiling takes memory, too
                measure("keyset", url)
            run = measure("keyset", url)
        peaks.append(run["rss_mb"])
        print(
            f"{rows:>9,} rows: {run['rss_mb']:.0f} MB at most, {run['seconds']:.1f} s, {run['cpu_s'] / rows * 1e6:.1f} us CPU/row"
        )
    return 0 if peaks[1] < 1.1 * peaks[0] else 1


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.rest", description=__doc__.splitlines()[0] if __doc__ else ""
    )
    parser.add_argument("--rounds", type=int, default=5, help="how often each system runs (default: %(default)s)")
    parser.add_argument("--memory", action="store_true", help="measure peak memory instead")
    parser.add_argument("--profile", action="store_true", help="profile this package instead")
    options = parser.parse_args()
    ensure_up()
    if options.profile:
        with server(200 * PAGE_SIZE, 0) as url, fresh_database(os.environ["DB_URL"]) as db_url:
            line = [sys.executable, "-m", "benchmarks.rest_systems", "keyset", url, db_url, "profile"]
            return subprocess.run(line, cwd=ROOT, env=environment(), check=False).returncode
    return memory() if options.memory else compare(options.rounds)


if __name__ == "__main__":
    sys.exit(main())
