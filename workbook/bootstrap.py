"""Make `.venv` and install the pinned dependencies, with nothing but a Python: `python3 -m workbook.bootstrap`.

Quick when there is nothing to do. Written for old interpreters too, so that they get a sentence instead of a traceback.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

UV = "uv==0.13.9"
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".installed"
NEEDED_MB = 3000


def main():
    # type: () -> int
    """Bring `.venv` up to date; 0 when it is, 1 with one line on what is in the way."""
    if sys.version_info < (3, 11):
        return _fail(
            "Python 3.11 or newer is needed, this is %d.%d" % sys.version_info[:2],
            "install one and name it: make run PYTHON=python3.12",
        )
    wanted = _fingerprint()
    if STAMP.exists() and STAMP.read_text(encoding="utf-8") == wanted and _python().exists():
        return 0
    free_mb = shutil.disk_usage(ROOT).free // 2**20
    if free_mb < NEEDED_MB and not VENV.exists():
        return _fail("%d MB free below %s, %d MB are needed" % (free_mb, ROOT, NEEDED_MB), "free some space")
    steps = [
        ("making .venv", [sys.executable, "-m", "venv", str(VENV)]) if not _python().exists() else None,
        ("fetching uv", [str(_python()), "-m", "pip", "install", "--quiet", UV]) if not _uv() else None,
        ("installing 280 pinned packages", None),
        ("linking this checkout", None),
    ]
    for step in steps:
        if step is None:
            continue
        label, command = step
        if command is None:
            arguments = (
                ["--no-deps", "-e", "."] if "linking" in label else ["--require-hashes", "-r", "requirements.txt"]
            )
            command = [_uv(), "pip", "install", "--quiet", "--python", str(_python()), *arguments]
        print("setup: %s ..." % label, flush=True)
        ran = subprocess.run(command, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if ran.returncode:
            last = [line for line in ran.stdout.decode("utf-8", "replace").splitlines() if line.strip()]
            return _fail("%s failed: %s" % (label, last[-1].strip() if last else "no output"), _remedy(label))
    _quieten_jupyterlab()
    STAMP.write_text(wanted, encoding="utf-8")
    return 0


def _quieten_jupyterlab():
    # type: () -> None
    """Switch off the question about news, which would cover the lesson."""
    settings = VENV / "share" / "jupyter" / "lab" / "settings" / "overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    settings.write_text(json.dumps(quiet, indent=1), encoding="utf-8")


def _python():
    # type: () -> Path
    return VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _uv():
    # type: () -> str
    own = VENV / ("Scripts/uv.exe" if os.name == "nt" else "bin/uv")
    return str(own) if own.exists() else shutil.which("uv") or ""


def _fingerprint():
    # type: () -> str
    files = [ROOT / "requirements.txt", ROOT / "pyproject.toml"]
    text = b"".join(path.read_bytes() for path in files) + str(ROOT).encode() + sys.version.encode()
    return hashlib.sha256(text).hexdigest()


def _remedy(label):
    # type: (str) -> str
    if ".venv" in label:
        return "on Debian and Ubuntu: apt install python3-venv"
    return "check the network and the package index, then run the same command again"


def _fail(what, remedy):
    # type: (str, str) -> int
    print("setup: %s; %s" % (what, remedy), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
