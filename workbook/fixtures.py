"""The pytest fixtures that checkpoints and the package's own tests share: servers, fresh databases, mock providers, seeds."""

import contextlib
import os
import random
from collections.abc import Callable, Iterator

import pytest

from workbook.grading.expect import Blocked
from workbook.providers.client import MockSession, open_session
from workbook.stack import StackError, ensure_up
from workbook.stack.databases import fresh_database


@pytest.fixture(scope="session")
def stack() -> dict[str, str]:
    """URLs of the running servers, by variable name."""
    try:
        return ensure_up()
    except StackError as error:
        raise Blocked(str(error)) from None


@pytest.fixture
def db_url(stack: dict[str, str]) -> Iterator[str]:
    """URL of an empty database of the test's own, dropped afterwards."""
    with fresh_database(stack["DB_URL"]) as url:
        yield url


@pytest.fixture
def redis_url(stack: dict[str, str]) -> str:
    """URL of the shared Redis: use keys of your own."""
    return stack["REDIS_URL"]


@pytest.fixture
def api(stack: dict[str, str]) -> Iterator[Callable[..., MockSession]]:
    """`api("rough_day", seed=7, **options)` opens a mock provider session of the test's own, closed afterwards."""
    with contextlib.ExitStack() as sessions:
        yield lambda scenario="calm", **options: sessions.enter_context(
            open_session(scenario, root=stack["MOCK_API_URL"], **options)
        )


@pytest.fixture
def seed() -> int:
    """A seed that differs from run to run, or `CHECK_SEED` to repeat one."""
    return int(os.environ.get("CHECK_SEED") or random.SystemRandom().randrange(1 << 31))


@pytest.fixture
def rng(seed: int) -> random.Random:
    """A generator of inputs, seeded with `seed`."""
    return random.Random(seed)
