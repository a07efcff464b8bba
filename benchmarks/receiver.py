"""Webhooks into Postgres: this package against the receiver that a good engineer writes first.

    python -m benchmarks.receiver            the table of ratios, and exit code 1 if one misses its goal
    python -m benchmarks.receiver --rounds 5

Both stand behind uvicorn in one process each, verify every signature, store each event once and write its outbox row;
both answer after the commit. They run in turn, in front of one Postgres, each on a database of its own. The load comes
from a third process: signed requests of about 600 bytes, built beforehand, of which 5 % repeat an event. The figure is
the best of the rounds: noise only ever takes away.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.request import urlopen

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # for `python benchmarks/receiver.py`

from workbook.providers.webhook_load import Outcome, run_load
from workbook.providers.webhook_sender import SECRETS
from workbook.stack import ensure_up
from workbook.stack.databases import fresh_database

ROOT = Path(__file__).resolve().parent.parent
SYSTEMS = {"first": "benchmarks.receiver_first:app", "ours": "ingestion.webhooks.receiver:app"}

# Connections, and the ratio of deliveries a second that is to be reached there.
GOALS = ((64, 4.0), (8, 1.0), (256, None))


def free_port() -> int:
    """Give a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def receiver(application: str, db_url: str) -> Iterator[tuple[str, int]]:
    """Serve an application from a process of its own; give its address and process id."""
    port = free_port()
    environment = {**os.environ, "DB_URL": db_url, "WEBHOOK_SECRETS": json.dumps(SECRETS)}
    line = [sys.executable, "-m", "uvicorn", application, "--port", str(port), "--no-access-log"]
    with subprocess.Popen([*line, "--log-level", "warning"], cwd=ROOT, env=environment) as process:
        try:
            for _ in range(600):
                assert process.poll() is None, f"{application} has ended"
                try:
                    urlopen(f"http://127.0.0.1:{port}/openapi.json").close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield f"http://127.0.0.1:{port}", process.pid
        finally:
            process.terminate()


def cpu_s(pid: int) -> float:
    """Give the processor time that a process has used, in seconds."""
    import psutil

    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def measure(system: str, connections: int, seconds: float, seed: int) -> tuple[Outcome, float]:
    """Load one system; give what became of it, and the processor time by delivery in microseconds."""
    with fresh_database(os.environ["DB_URL"]) as db_url:
        migrated = subprocess.run(
            [sys.executable, "-m", "ingestion", "migrate"], cwd=ROOT, env={**os.environ, "DB_URL": db_url},
            capture_output=True, check=True,
        )  # fmt: skip
        assert migrated.returncode == 0
        with receiver(SYSTEMS[system], db_url) as (url, pid):
            run_load(url, "--connections", str(connections), "--count", "200", "--seed", str(seed + 1))
            before_s = cpu_s(pid)
            count = str(int(seconds * 12_000))  # more than either takes in that time
            load = ("--connections", str(connections), "--count", count, "--seconds", str(seconds), "--seed", str(seed))
            outcome = run_load(url, *load, "--once")
            used_s = cpu_s(pid) - before_s
    stored = {"accepted", "duplicate"}
    assert set(outcome.answers) <= stored, outcome.answers
    assert not outcome.broken, outcome.broken
    return outcome, 1e6 * used_s / len(outcome.acknowledged)


def compare(rounds: int, seconds: float) -> int:
    """Run every pair in turn and print the ratios; 1 if one misses its goal."""
    missed = 0
    print(f"load before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    for connections, goal in GOALS:
        runs: dict[str, list[tuple[Outcome, float]]] = {system: [] for system in SYSTEMS}
        for number in range(rounds):
            for system in SYSTEMS:
                runs[system].append(measure(system, connections, seconds, seed=1000 * number + connections))
        print(f"\n{connections} connections{'best/s':>12}{'median/s':>10}{'p50 ms':>8}{'p99 ms':>8}{'CPU us':>8}")
        for system, taken in runs.items():
            best, cpu_us = max(taken, key=lambda run: run[0].per_s)
            middle = median(outcome.per_s for outcome, _ in taken)
            p50, p99 = best.latency_ms(0.5), best.latency_ms(0.99)
            print(f"{system:<14}{best.per_s:>12,.0f}{middle:>10,.0f}{p50:>8.1f}{p99:>8.1f}{cpu_us:>8.0f}")
        ratios = [pick(outcome.per_s for outcome, _ in runs["ours"]) / pick(outcome.per_s for outcome, _ in runs["first"])
                  for pick in (max, median)]  # fmt: skip
        verdict = "" if goal is None else f", goal >= {goal}: {'met' if ratios[0] >= goal else 'MISSED'}"
        missed += goal is not None and ratios[0] < goal
        print(f"  ours / first: {ratios[0]:.2f} (median {ratios[1]:.2f}){verdict}")
    return 1 if missed else 0


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser("python -m benchmarks.receiver", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often each system runs (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4.0, help="how long each time (default: %(default)s)")
    options = parser.parse_args()
    ensure_up()
    return compare(options.rounds, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
