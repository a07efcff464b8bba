"""What a group commit keeps of a delivery that it turned away: nothing."""

import gc
import weakref
from collections.abc import Sequence
from typing import Any

import pytest

from ingestion.errors import TransientError
from ingestion.webhooks.delivery import Delivery, Fate
from ingestion.webhooks.group_commit import GroupCommit


class Watched:
    """Stands where a delivery says who has sent it."""


async def down(deliveries: Sequence[Delivery]) -> Sequence[Fate]:
    raise TransientError("no server")


async def test_what_was_turned_away_does_not_wait_for_the_garbage_collector() -> None:
    """In an outage each body would stay until then, and none of them is small enough for that."""
    watched: list[weakref.ref[Watched]] = []

    async def send(group: GroupCommit) -> None:
        verified: Any = Watched()
        watched.append(weakref.ref(verified))
        await group.submit(Delivery(verified, b"{}"))

    gc.disable()
    try:
        async with GroupCommit([down]) as group:
            for _ in range(5):
                with pytest.raises(TransientError):
                    await send(group)
        assert [each() for each in watched] == [None] * 5
    finally:
        gc.enable()
