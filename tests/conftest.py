"""Fixtures for every test, and one rule: with REQUIRE_ALL=1 nothing may be skipped."""

import os
from collections.abc import Generator

import pytest

from workbook.fixtures import api, db_url, redis_url, rng, seed, stack

__all__ = ["api", "db_url", "redis_url", "rng", "seed", "stack"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where everything has to be there."""
    report = yield
    if report.skipped and os.environ.get("REQUIRE_ALL") == "1" and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, although REQUIRE_ALL=1: {call.excinfo.value if call.excinfo else ''}"
    return report
