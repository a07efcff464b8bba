"""The doctor finds what is wrong, says how to mend it, and touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.workbook.stack_checkout import Checkout, still_alive
from workbook.stack import StackError, diagnose, doctor
from workbook.stack.doctor import Finding
from workbook.stack.environment import MARKER, NAMES


@pytest.fixture(autouse=True)
def no_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, MARKER):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    one = Checkout(tmp_path)
    yield one
    one.run("down")


def found(root: Path, name: str) -> Finding:
    return next(finding for finding in diagnose(root) if finding.name == name)


def test_a_sound_machine_has_nothing_to_mend_and_is_left_alone(tmp_path: Path) -> None:
    findings = diagnose(tmp_path)
    assert {"python", "disk", "checkout", "postgres", "redis", "kafka", "chromium", "stack"} <= {
        f.name for f in findings
    }
    assert [finding for finding in findings if not finding.ok and not finding.optional] == []
    assert all(finding.remedy for finding in findings if not finding.ok)
    assert list(tmp_path.iterdir()) == []


def test_missing_programs_come_with_their_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("workbook.stack.redis.find_spec", lambda name: None)
    monkeypatch.setattr("workbook.stack.postgres.find_spec", lambda name: None)
    assert "apt install redis-server" in found(tmp_path, "redis").remedy
    assert "pip install" in found(tmp_path, "postgres").remedy
    for name in ("kafka", "chromium"):
        assert found(tmp_path, name).optional
        assert "install" in found(tmp_path, name).remedy


def test_an_old_python_and_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def too_old() -> None:
        raise StackError("Python 3.9 is too old: install Python 3.11 or newer")

    monkeypatch.setattr(doctor, "require_python", too_old)
    assert found(tmp_path, "python") == Finding(
        "python", False, "Python 3.9 is too old", "install Python 3.11 or newer"
    )


def test_a_running_stack_answers_and_sleepers_are_not_woken(checkout: Checkout) -> None:
    values = checkout.up()
    assert found(checkout.root, "DB_URL").ok
    assert found(checkout.root, "MOCK_API_URL").detail.startswith(values["MOCK_API_URL"].removeprefix("http://"))
    assert found(checkout.root, "stack").detail == "running"
    assert checkout.state().servers["s3"].status == "asleep"


def test_leftovers_of_a_killed_supervisor_are_named(checkout: Checkout) -> None:
    checkout.up()
    processes = checkout.processes()
    processes[0].kill()
    assert still_alive(processes, within_s=10) == []
    stack = found(checkout.root, "stack")
    assert not stack.ok
    assert "make up" in stack.remedy


def test_a_url_of_the_users_that_does_not_answer_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", "postgresql://me:secret@127.0.0.1:1/theirs")
    finding = found(tmp_path, "DB_URL")
    assert (finding.ok, finding.detail) == (False, "nothing answers at 127.0.0.1:1")
    assert "unset DB_URL" in finding.remedy
    assert "secret" not in repr(finding)
