"""`grade.py phase1`: it passes on the package as it is, names what a broken one leaves undone, and tags only what is green."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from workbook import arrivals
from workbook.course import ROOT, CourseError
from workbook.grading import phases
from workbook.grading.cli import main
from workbook.grading.verdict import Outcome, State, Verdict
from workbook.providers.webhook_sender import load_deliveries
from workbook.stack import StackError


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A git checkout with one commit."""
    for arguments in (
        ["init", "-q"],
        ["config", "user.email", "learner@example.org"],
        ["config", "user.name", "Learner"],
        ["commit", "-q", "--allow-empty", "-m", "start"],
    ):
        subprocess.run(["git", "-C", tmp_path, *arguments], check=True)
    return tmp_path


def test_a_green_phase_is_tagged_once(checkout: Path) -> None:
    assert phases.tag("phase1", checkout).startswith("tagged ")
    assert phases.tag("phase1", checkout).endswith("has the tag phase1 already")
    tags = subprocess.run(
        ["git", "-C", checkout, "tag", "--points-at", "HEAD"], capture_output=True, text=True, check=True
    )
    assert tags.stdout.split() == ["phase1"]


def test_a_tag_is_never_moved(checkout: Path) -> None:
    phases.tag("phase1", checkout)
    subprocess.run(["git", "-C", checkout, "commit", "-q", "--allow-empty", "-m", "more"], check=True)
    with pytest.raises(CourseError, match="the tag phase1 stands on .* already; `git tag -d phase1` frees it"):
        phases.tag("phase1", checkout)


def test_uncommitted_work_is_not_tagged(checkout: Path) -> None:
    (checkout / "answer.py").write_text("x = 1\n", encoding="utf-8")
    subprocess.run(["git", "-C", checkout, "add", "answer.py"], check=True)
    with pytest.raises(CourseError, match="uncommitted changes; commit them"):
        phases.tag("phase1", checkout)


def test_outside_of_git_there_is_nothing_to_tag(tmp_path: Path) -> None:
    with pytest.raises(CourseError, match="git status failed: .*not a git repository"):
        phases.tag("phase1", tmp_path)


@pytest.mark.parametrize(
    ("state", "exit_code", "tagged"), [(State.PASSED, 0, True), (State.NOT_YET, 1, False), (State.BLOCKED, 3, False)]
)
def test_only_what_is_green_is_tagged(
    monkeypatch: pytest.MonkeyPatch, state: State, exit_code: int, tagged: bool
) -> None:
    asked: list[str] = []

    def note(phase: str) -> str:
        asked.append(phase)
        return f"tagged as {phase}"

    outcome = Outcome("test_x", state, "500 rows", "499")
    monkeypatch.setattr(phases, "grade_phase", lambda phase, show: Verdict(phase, state, (outcome,)))
    monkeypatch.setattr(phases, "tag", note)
    assert main(["phase1", "--tag"]) == exit_code
    assert asked == (["phase1"] if tagged else [])


def test_a_tag_without_a_phase_is_a_wrong_call(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["m01.01", "--tag"]) == 2
    assert "--tag goes with a phase" in capsys.readouterr().err


def graded(*before: str) -> Verdict:
    """Grade phase 1 in a process of its own, in which the lines *before* have been run."""
    lines = ["import json", *before, "from workbook.grading.phases import grade_phase"]
    lines.append("print('VERDICT', json.dumps(grade_phase('phase1').as_dict()))")
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    told = json.loads(ran.stdout.rpartition("VERDICT ")[2])
    outcomes = tuple(Outcome(**{**fields, "state": State(fields["state"])}) for fields in told["outcomes"])
    return Verdict(told["lesson"], State(told["state"]), outcomes)


@pytest.mark.slow
def test_the_package_passes_phase_1() -> None:
    """By its command: CI runs it here, and nowhere else."""
    ran = subprocess.run(
        [sys.executable, "grade.py", "phase1"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    *promises, last = [line for line in ran.stdout.splitlines() if line.strip()]
    assert len(promises) == 7
    assert all(line.startswith("passed   ") for line in promises)
    assert last.split() == ["phase1", "passed", "7", "of", "7"]


@pytest.mark.slow
def test_work_that_is_not_done_is_named() -> None:
    """Two of three deliveries never arrive, and nothing is published."""
    verdict = graded(
        "from workbook import arrivals",
        "from workbook.providers.webhook_sender import load_deliveries",
        "import subprocess",
        "deliver = arrivals.deliver",
        "arrivals.deliver = lambda url: deliver(url, load_deliveries()[::3])",
        "arrivals.publish = lambda environment, quiet: subprocess.CompletedProcess([], 0, '')",
    )
    failed = {outcome.test for outcome in verdict.outcomes if outcome.state is State.NOT_YET}
    assert failed == {
        "test_1500_deliveries_are_1425_events",
        "test_each_row_is_in_kafka_exactly_once",
        "test_the_same_day_again_lands_and_publishes_nothing",
    }
    assert "expected answers {'accepted': 1425" in verdict.line()


def test_a_delivery_that_is_refused_ends_the_sending_with_one_line() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 401 Unauthorized\r\ncontent-length: 14\r\nconnection: close\r\n\r\n{"error":"no"}')
        await writer.drain()
        writer.close()

    async def scenario() -> None:
        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with pytest.raises(StackError, match='gave up on event .*: 401 {"error":"no"}'):
                await asyncio.to_thread(arrivals.deliver, f"http://127.0.0.1:{port}", load_deliveries()[:50])

    asyncio.run(scenario())
