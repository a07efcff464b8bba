"""The receiver that a good engineer writes first: FastAPI, a psycopg pool, one transaction for each request.

    DB_URL=... WEBHOOK_SECRETS='{"stripe": "..."}' uvicorn benchmarks.receiver_first:app

It verifies the raw bytes, stores an event once by its primary key, and writes the outbox row in the same transaction.
It has no limits, no deadlines, one provider, and an error for what `jsonb` refuses.
"""

import hashlib
import hmac
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import orjson
from fastapi import FastAPI, HTTPException, Request
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

SECRET = json.loads(os.environ.get("WEBHOOK_SECRETS", '{"stripe": ""}'))["stripe"].encode()

STORE = """
    INSERT INTO ingestion.records (source, stream, key, payload, occurred_at, content_hash)
    VALUES ('stripe', 'events', %s, %s, %s, %s) ON CONFLICT DO NOTHING"""
TELL = """
    INSERT INTO ingestion.outbox (aggregatetype, aggregateid, type, payload, occurred_at)
    VALUES ('stripe.events', %s, 'inserted', %s, %s)"""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the pool."""
    async with AsyncConnectionPool(os.environ["DB_URL"], min_size=4, max_size=16, open=False) as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan)


def is_signed(header: str, body: bytes) -> bool:
    """Verify as Stripe's documentation says."""
    parts = [part.partition("=") for part in header.split(",")]
    sent = next((value for name, _, value in parts if name == "t"), "")
    wanted = hmac.new(SECRET, sent.encode() + b"." + body, hashlib.sha256).hexdigest()
    is_recent = sent.isdigit() and abs(time.time() - int(sent)) <= 300
    return is_recent and any(hmac.compare_digest(wanted, value) for name, _, value in parts if name == "v1")


@app.post("/webhooks/stripe")
async def receive(request: Request) -> dict[str, Any]:
    """Store one event."""
    body = await request.body()
    if not is_signed(request.headers.get("stripe-signature", ""), body):
        raise HTTPException(401)
    event = orjson.loads(body)
    created_at = datetime.fromtimestamp(event["created"], UTC)
    row = {"id": event["id"], "type": event["type"], "data": event}
    payload = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
    async with app.state.pool.connection() as connection:
        stored = await connection.execute(
            STORE, [event["id"], Jsonb(row, dumps=orjson.dumps), created_at, hashlib.sha256(payload).digest()]
        )
        if stored.rowcount:
            await connection.execute(TELL, [f"stripe.events/{event['id']}", payload, created_at])
    return {"status": "accepted" if stored.rowcount else "duplicate"}
