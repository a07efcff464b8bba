# Made from solutions/m02_push/09_receiver.ipynb: edit it there.
"""Everything of the receiver that is not a delivery: its documentation, its health and its metrics, with FastAPI."""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

__all__ = ["Challenge", "Health", "Refusal", "Stored", "make_api"]


class Stored(BaseModel):
    """The delivery is stored; sending it again changes nothing."""

    status: Literal["accepted", "duplicate", "parked"]


class Challenge(BaseModel):
    """The answer to Slack's question whether this is our address."""

    challenge: str


class Refusal(BaseModel):
    """The delivery is not stored."""

    error: str


class Health(BaseModel):
    """How the receiver is."""

    status: Literal["alive", "ready"]


_WHY = {
    400: "A header that no sender writes, or given twice",
    401: "No signature that fits, or too old",
    404: "No such provider, or no secret is set for it",
    405: "Not a POST",
    408: "The head or the body came too slowly",
    413: "The body is too large",
    415: "Compressed, or not JSON",
    431: "The headers are too large",
    503: "Not stored: send it again after `Retry-After` seconds",
}

_REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": why} for status, why in _WHY.items()
}

_RETRY_AFTER = {"Retry-After": {"description": "Seconds", "schema": {"type": "integer", "minimum": 1}}}

_BODY = {"required": True, "content": {"application/json": {"schema": {}}}}


def make_api(why_not_ready: Callable[[], Awaitable[str | None]], metrics_text: Callable[[], str]) -> FastAPI:
    """Make the application for everything but deliveries.

    Args:
        why_not_ready: Gives what keeps the receiver from storing deliveries, or None.
        metrics_text: Gives the metrics as Prometheus reads them.
    """
    api = FastAPI(title="Webhook receiver", version="1")

    @api.get("/healthz", response_model=Health)
    async def healthz() -> Any:
        """Say that the process answers. Nothing else is looked at: a restart would not mend the database."""
        return {"status": "alive"}

    @api.get("/readyz", response_model=Health, responses={503: {"model": Refusal, "description": "Not now"}})
    async def readyz() -> Any:
        """Say whether a delivery would be stored now."""
        reason = await why_not_ready()
        return JSONResponse({"error": reason}, 503) if reason else {"status": "ready"}

    @api.get("/metrics", response_class=PlainTextResponse)
    async def metrics() -> Response:
        """Give the counters of this process, in the text format of Prometheus."""
        return Response(metrics_text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    responses = {**_REFUSALS, 503: {**_REFUSALS[503], "headers": _RETRY_AFTER}}

    @api.post(
        "/webhooks/{provider}",
        response_model=Stored | Challenge,
        responses=responses,
        openapi_extra={"requestBody": _BODY},
    )
    async def deliver(provider: str) -> Any:
        """Store one delivery: a body signed as its provider signs it. The answer is sent after the commit."""
        raise AssertionError("the front answers this path")

    _forget_validation(api)
    return api


def _forget_validation(api: FastAPI) -> None:
    """Take out of the document the 422 that FastAPI adds to every route with a parameter: nothing here gives it."""
    document = api.openapi()
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
