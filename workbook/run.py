"""`make run`: ingest everything in `data/` through a bad day, and say what landed."""

import os
import subprocess
import sys

from workbook.course import ROOT
from workbook.providers.client import open_session
from workbook.stack import StackError, ensure_up

SCENARIO = "rough_day"


def main() -> int:
    """Start the stack and run the pipeline against a provider that throttles, fails and hangs up; its exit code."""
    try:
        urls = ensure_up()
    except StackError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 3
    with open_session(SCENARIO, seed=7, root=urls["MOCK_API_URL"]) as provider:
        print("The provider is having a rough day: it throttles, fails, hangs up and dawdles.", flush=True)
        environment = {**os.environ, "REST_API_URL": provider.base_url}
        return subprocess.run(
            [sys.executable, "-m", "ingestion.pipeline"], env=environment, cwd=ROOT, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
