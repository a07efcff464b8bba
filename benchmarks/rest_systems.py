"""One run of one system: python -m benchmarks.rest_systems SYSTEM URL DB_URL [profile]. Prints what it took as JSON.

It imports nothing that its system does not need, so that its memory is that system's own.
"""

import asyncio
import json
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

PAGE_SIZE = 500


async def bare(url: str, db_url: str) -> int:
    """Do the job with nothing around it: fetch, decode, COPY into a stage, one upsert every ten pages."""
    import httpx
    import orjson
    import psycopg

    upsert = """INSERT INTO bare SELECT DISTINCT ON (key) key, payload::jsonb, at FROM stage ORDER BY key, at DESC
                ON CONFLICT (key) DO UPDATE SET payload = excluded.payload, at = excluded.at WHERE excluded.at > bare.at"""
    rows, question = 0, {"limit": str(PAGE_SIZE)}
    async with (
        httpx.AsyncClient(base_url=url) as client,
        await psycopg.AsyncConnection.connect(db_url, autocommit=True) as connection,
    ):
        await connection.execute("CREATE TABLE bare (key text PRIMARY KEY, payload jsonb, at timestamptz)")
        await connection.execute("CREATE TEMP TABLE stage (key text, payload text, at timestamptz)")
        waiting: list[Any] = []
        while True:
            page = orjson.loads((await client.get("/orders/keyset", params=question)).content)
            waiting += page["data"]
            rows += len(page["data"])
            if len(waiting) >= 10 * PAGE_SIZE or not page["has_more"]:
                async with connection.transaction(), connection.cursor() as cursor:
                    async with cursor.copy("COPY stage FROM STDIN") as copy:
                        for row in waiting:
                            await copy.write_row((row["id"], orjson.dumps(row).decode(), row["updated_at"]))
                    await cursor.execute(upsert)
                    await cursor.execute("TRUNCATE stage")
                waiting = []
            if not page["has_more"]:
                return rows
            last = page["data"][-1]
            question |= {"since": last["updated_at"], "after_id": last["id"]}


async def ours(url: str, db_url: str, source_name: str) -> int:
    """Do the job with everything: limiter and breaker in Redis, retries, gate, ledger, lease, positions."""
    from ingestion import landing
    from ingestion.console import collect_seldom
    from ingestion.http.client import HttpClient
    from ingestion.pipeline import ORDERS, ingest
    from ingestion.resilience.rate_limiter import RedisRateLimiter
    from ingestion.resilience.redis_circuit_breaker import RedisCircuitBreaker
    from ingestion.resilience.redis_script import redis_at
    from ingestion.rest.keyset import KeysetSource
    from ingestion.rest.offset import OffsetSource
    from ingestion.store.database import migrate, open_pool
    from ingestion.store.watermarks import Bookmark, Watermark

    collect_seldom()  # as every command of the package does
    if source_name == "keyset-quiet":
        landing._TOLD = "told AS (SELECT)"
    async with AsyncExitStack() as opened:
        redis = redis_at(os.environ["REDIS_URL"])
        opened.push_async_callback(redis.aclose)
        limiter = RedisRateLimiter(redis, f"bench-{os.getpid()}", 10_000, 1_000, processes=1)
        breaker = RedisCircuitBreaker(redis, f"bench-{os.getpid()}")
        client = await opened.enter_async_context(HttpClient(url, limiter=limiter, breaker=breaker))
        pool = await opened.enter_async_context(open_pool(db_url, max_connections=2))
        connection = await opened.enter_async_context(pool.connection())
        await migrate(connection)
        source: Any = (
            KeysetSource(client, "/orders/keyset", ORDERS, page_size=PAGE_SIZE, positions=Watermark)
            if source_name.startswith("keyset")
            else OffsetSource(client, "/orders/offset", ORDERS, page_size=PAGE_SIZE, in_flight=8, positions=Bookmark)
        )
        progress = await ingest(source, connection)
        return progress.rows


def main(system: str, url: str, db_url: str, profile: str = "") -> None:
    """Run one system and print what it took."""
    work: Callable[[], Awaitable[int]] = (
        (lambda: bare(url, db_url)) if system == "bare" else (lambda: ours(url, db_url, system))
    )
    # Only the course's tools bring these in; httpcore and redis load them where they are.
    sys.modules.update(dict.fromkeys(("trio", "opentelemetry")))  # type: ignore[arg-type]
    # Imports are not measured, nor are dlt's: also those that come with the first request.
    import httpcore  # noqa: F401
    import httpx  # noqa: F401
    import orjson  # noqa: F401
    import psycopg  # noqa: F401
    from anyio._backends import _asyncio  # noqa: F401

    if system != "bare":
        import ingestion.pipeline  # noqa: F401

    async def timed() -> dict[str, float]:
        started_s, cpu_s = time.perf_counter(), time.process_time()
        rows = await work()
        seconds, cpu = time.perf_counter() - started_s, time.process_time() - cpu_s
        rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"seconds": seconds, "cpu_s": cpu, "rss_mb": rss_mb, "rows": rows}

    if not profile:
        print(json.dumps(asyncio.run(timed())))
        return
    import cProfile
    import pstats

    profiler = cProfile.Profile()
    profiler.runcall(asyncio.run, timed())
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


if __name__ == "__main__":
    main(*sys.argv[1:])
