"""The gate: formatted, linted, typed, layered, in sync, and free of what must not be in a commit."""

import subprocess
import sys
from pathlib import Path

import pytest

from workbook.course import ROOT

CODE = ["ingestion", "workbook", "tests", "checkpoints", "data", "benchmarks", "grade.py"]


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "format", "--check", *CODE),
        ("ruff", "check", *CODE),
        ("mypy", "ingestion", "workbook", "grade.py"),
        ("workbook.authoring", "check"),
    ],
    ids=["format", "lint", "types", "in sync"],
)
def test_gate(command: tuple[str, ...]) -> None:
    ran = _run(*command)
    assert ran.returncode == 0, f"{' '.join(command)}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"


def test_layers() -> None:
    ran = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert "0 broken" in ran.stdout


def _tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_requirements_name_no_registry() -> None:
    for path in _tracked():
        if path.suffix in {".txt", ".toml", ".lock", ".cfg"} or path.name == "Dockerfile":
            text = path.read_text(encoding="utf-8")
            assert "://" not in text or "requirements" not in path.name, (
                f"{path.name} names an address; write names, versions and hashes"
            )


def test_every_requirement_is_hashed() -> None:
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    pinned = [line for line in lines if "==" in line and not line.startswith((" ", "#"))]
    assert len(pinned) > 100
    assert all(line.endswith("\\") for line in pinned), "a requirement without a hash"


def test_no_path_of_this_machine() -> None:
    here = str(ROOT)
    for path in _tracked():
        if path.suffix in {".py", ".ipynb", ".md", ".toml", ".yml", ".txt", ".sql"}:
            assert here not in path.read_text(encoding="utf-8"), f"{path.relative_to(ROOT)} holds {here}"
