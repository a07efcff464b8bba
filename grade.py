"""The learner's and the instructor's command line: `python grade.py --help`."""

import sys

if sys.version_info < (3, 11):
    sys.exit(
        f"grade.py: Python 3.11 or newer is needed, this is {sys.version.split()[0]}; run it with `.venv/bin/python grade.py`"
    )

try:
    from workbook.grading.cli import main
except ModuleNotFoundError as error:
    sys.exit(
        f"grade.py: the package {error.name!r} is not installed; run `make setup`, then `.venv/bin/python grade.py`"
    )

if __name__ == "__main__":
    sys.exit(main())
