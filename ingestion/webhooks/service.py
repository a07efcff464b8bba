# Made from solutions/m02_push/09_receiver.ipynb: edit it there.
"""What stands behind the front of the receiver: the secrets, the pool, the filter, the doorbell, the group commit."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from ingestion.dedup.deduplicator import Deduplicator
from ingestion.dedup.redis_bloom import RedisBloom
from ingestion.errors import IngestionError
from ingestion.outbox.doorbell import open_doorbell
from ingestion.resilience.redis_script import redis_at
from ingestion.resilience.retry_after import Now, utc_now
from ingestion.settings import Settings
from ingestion.store.database import Pool, migrate, open_pool, transaction
from ingestion.webhooks.group_commit import GroupCommit, GroupLimits, OnCommit
from ingestion.webhooks.keyring import load_secrets
from ingestion.webhooks.storing import DeliveryCommit, promptly
from ingestion.webhooks.verifier import Verifier

__all__ = ["WRITERS", "Service", "open_service"]


WRITERS = 8


class Service:
    """What a receiver needs to do its work, opened.

    Attributes:
        verifiers: By provider; those with a secret.
        group: Stores deliveries.
    """

    def __init__(self, verifiers: Mapping[str, Verifier], group: GroupCommit, pool: Pool) -> None:
        self.verifiers = verifiers
        self.group = group
        self._pool = pool

    async def why_not_ready(self) -> str | None:
        """Give what keeps deliveries from being stored, or None."""
        if self.group.is_full:
            return "too many deliveries are waiting"
        try:
            async with asyncio.timeout(2):
                await promptly(self._ask())
        except (IngestionError, TimeoutError):
            return "the database does not answer"
        return None

    async def _ask(self) -> None:
        async with transaction(self._pool) as connection:
            await connection.execute("SELECT 1")


@asynccontextmanager
async def open_service(
    settings: Settings, *, on_commit: OnCommit, limits: GroupLimits | None = None, clock: Now = utc_now
) -> AsyncIterator[Service]:
    """Put it together: the composition root. On leaving, what is in line still lands.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
        TransientError: Postgres does not answer. Redis may be away.
    """
    secrets = load_secrets(settings.webhook_secrets.get_secret_value())
    verifiers = {provider: Verifier.of(provider, its, clock=clock) for provider, its in secrets.items()}
    async with AsyncExitStack() as opened:
        pool = await opened.enter_async_context(
            open_pool(settings.db_url.reveal(), max_connections=WRITERS + 2, wait_s=3, application_name="webhooks")
        )
        await migrate(pool)
        doorbell = await opened.enter_async_context(open_doorbell(pool, interval_s=0.025))
        redis = redis_at(settings.redis_url.reveal())
        opened.push_async_callback(redis.aclose)
        deduplicator = Deduplicator(pool, RedisBloom(redis, "webhooks"))
        opened.push_async_callback(deduplicator.drain)
        commits = [DeliveryCommit(pool, deduplicator, doorbell) for _ in range(WRITERS)]
        opened.push_async_callback(lambda: asyncio.gather(*(commit.close() for commit in commits)))
        group = await opened.enter_async_context(GroupCommit(commits, limits, on_commit=on_commit))
        yield Service(verifiers, group, pool)
