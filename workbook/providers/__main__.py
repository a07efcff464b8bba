"""`python -m workbook.providers --port 8090`: the provider by itself."""

from __future__ import annotations

import argparse
import sys

from workbook.providers.serve import run


def main() -> int:
    """Serve until interrupted; 1 if the port is taken."""
    parser = argparse.ArgumentParser(prog="python -m workbook.providers", description="The mock provider.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="the port; 0 takes a free one (default: 8090)")
    arguments = parser.parse_args()
    try:
        run(arguments.host, arguments.port)
    except OSError as error:
        print(
            f"can't listen on {arguments.host}:{arguments.port}: {error.strerror}; try --port 0",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
