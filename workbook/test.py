"""`make test`: every test, in the order in which a failure says most.

What has to be alone on the machine (load, timing) runs by itself; everything else on two processes. Arguments are passed
on to the first run, so that `python -m workbook.test -k retry_after` works. With EXECUTED_SOLUTIONS=FOLDER the last run
compares what `grade.py m01 --solutions --executed FOLDER` has left there.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence

from workbook.course import ROOT

PYTEST = (sys.executable, "-m", "pytest")
_EXECUTED = os.environ.get("EXECUTED_SOLUTIONS")
_RUN_THEM = ("-n", "2", "--dist", "loadfile", "--nbval", "--nbval-cell-timeout", "120")
RUNS = (
    ("tests", ("-n", "2", "-m", "not alone", "tests")),
    ("tests that need the machine to themselves", ("-m", "alone", "tests")),
    (
        "solutions give the outputs they are kept with",
        (*(("-p", "workbook.grading.executed", "--executed", _EXECUTED) if _EXECUTED else _RUN_THEM), "solutions"),
    ),
)


def main(arguments: Sequence[str] = ()) -> int:
    """Run all, stopping after the first run that fails; 0 when all pass."""
    for name, chosen in RUNS[:1] if arguments else RUNS:
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        ran = subprocess.run([*PYTEST, *chosen, *arguments], cwd=ROOT, check=False)
        print(
            f"== {name}: {'passed' if ran.returncode == 0 else 'FAILED'} in {time.monotonic() - started:.0f} s",
            flush=True,
        )
        if ran.returncode:
            return ran.returncode
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
