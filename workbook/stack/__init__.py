"""The embedded stack: real PostgreSQL, Redis, S3, Kafka and the mock API out of wheels, without Docker.

    caller --ensure_up()--> control --starts, asks--> supervisor --spawns--> postgres, redis, mock_api,
      ^                                                 |  |                 s3, kafka_mock (, kafka)
      '--- os.environ, .env <--- state.json <-----------'  '--lifeline--> watchdog: kills all should it die

Everything lives under `.workbook/` of one checkout, on free ports of 127.0.0.1, so checkouts run side by
side. A URL that the user has set, in the environment or in a line of `.env`, always wins, and that server is
not started. Importing this package is cheap: no server's library is loaded into the calling process.
"""

import sys

from workbook.stack.errors import StackError, require_python

try:
    require_python()
except StackError as error:
    if sys.argv[:1] == ["-m"]:  # `python -m workbook.stack`: a line for a person, not a traceback
        raise SystemExit(f"error: {error}") from None
    raise

from workbook.stack.control import down, ensure_up, status
from workbook.stack.doctor import Finding, diagnose

__all__ = ["Finding", "StackError", "diagnose", "down", "ensure_up", "status"]
