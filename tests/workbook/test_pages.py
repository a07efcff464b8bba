"""What the pages for people say is true: commands exist, links lead somewhere, the printed output is what is printed."""

import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from workbook.course import ROOT
from workbook.grading.cli import _parser

PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "data" / "README.md",
]
COMMANDS = [
    pytest.param(command, id=f"{page.name}: {command}")
    for page in PAGES
    for command in re.findall(
        r"^\$ (.*?)(?:\s+#.*)?$|`((?:make|python|papermill) [^`]*)`", page.read_text(encoding="utf-8"), re.MULTILINE
    )
    for command in [command[0] or command[1]]
]
KNOWN = ("docker compose", "export", "pip install", "source")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_a_page_can_be_given(command: str) -> None:
    words = shlex.split(command)
    if command.startswith(KNOWN):
        for name in (word for word in words if word.endswith(".txt")):
            assert (ROOT / name).exists()
    elif words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    elif words[:2] == ["python", "grade.py"]:
        _parser().parse_args(words[2:])
    elif words[:2] == ["python", "-m"]:
        ran = subprocess.run(
            [sys.executable, *words[1:], "--help"], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
    elif words[0] == "papermill":
        assert (ROOT / words[1]).exists()
    elif words[0] == "uvicorn":
        module, _, name = words[1].partition(":")
        assert callable(getattr(import_module(module), name))
    else:
        pytest.fail(f"no test knows how to try {command!r}")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
