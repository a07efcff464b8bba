# Made from solutions/m02_push/09_receiver.ipynb: edit it there.
"""The receiver of webhooks: `uvicorn ingestion.webhooks.receiver:app --port 8000`, with settings from the environment.

A delivery takes the short way, in bare ASGI: limits, signature, commit, answer. Everything else goes to FastAPI.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping

from ingestion.errors import IngestionError, TransientError
from ingestion.settings import Settings
from ingestion.webhooks.connections import HEAD_BYTES, TOO_LARGE, HeadClock, allow_connections, put_in_front
from ingestion.webhooks.control import make_api
from ingestion.webhooks.delivery import NOT_STORED, STORED, Answer, Delivery, Fate, refusal
from ingestion.webhooks.events import challenge_of
from ingestion.webhooks.limits import (
    BodyBudget,
    Limits,
    Receive,
    RefusedError,
    Scope,
    Send,
    check_head,
    linger,
    too_large,
)
from ingestion.webhooks.metrics import Metrics
from ingestion.webhooks.providers import Headers, Refused
from ingestion.webhooks.service import Service, open_service
from ingestion.webhooks.verifier import Verifier

__all__ = ["PATH", "HeadGuard", "Receiver", "Submit", "WebhookEndpoint", "answer_delivery", "app", "read_body"]


PATH = "/webhooks/"

Submit = Callable[[Delivery], Awaitable[Fate]]
"""Stores a delivery, and returns once that has committed."""


async def answer_delivery(verifier: Verifier, headers: Headers, body: bytes, submit: Submit) -> Answer:
    """Give the answer to a delivery that has been read whole.

    A 200 is sent once the delivery is stored, and not before: *submit* returns after the commit. Whatever keeps
    it from being stored is a 503 with `Retry-After`, so that the sender tries again. A sender that asks for proof
    that this is our address is given its challenge back; that is no event, and nothing is stored.
    """
    outcome = verifier.verify(headers, body)
    if isinstance(outcome, Refused):
        return refusal(outcome.status, outcome.reason)
    challenge = challenge_of(outcome, body)
    if challenge is not None:
        return Answer.of(200, {"challenge": challenge}, label="challenge")
    try:
        fate = await submit(Delivery(outcome, body))
    except IngestionError as error:
        wait_s = error.retry_after_s if isinstance(error, TransientError) else None
        return refusal(503, NOT_STORED, (b"retry-after", b"%d" % math.ceil(wait_s or 1)))
    return STORED[fate]


async def read_body(receive: Receive, limits: Limits, budget: BodyBudget) -> bytes:
    """Read a body to its end, whatever length was declared, and keep no more of it than the limit.

    Raises:
        RefusedError: 413 too large, 408 too slow, 503 too much at once, 400 when the sender hung up.
    """
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError(refusal(400, "the sender hung up", is_last=True))
                piece: bytes = message.get("body", b"")
                size += len(piece)
                if size > limits.body_bytes:
                    raise RefusedError(too_large(limits))
                is_complete = not message.get("more_body", False)
                if is_complete and not pieces:  # nearly all bodies come in one piece
                    return piece
                budget.take(len(piece))
                pieces.append(piece)
                if is_complete:
                    return b"".join(pieces)
    except TimeoutError:
        raise RefusedError(refusal(408, f"the body took longer than {limits.body_s:g} s", is_last=True)) from None
    finally:
        budget.give_back(sum(map(len, pieces)))


class WebhookEndpoint:
    """Answers everything below `/webhooks/`."""

    def __init__(
        self, verifiers: Mapping[str, Verifier], submit: Submit, metrics: Metrics, limits: Limits | None = None
    ) -> None:
        self._verifiers = verifiers
        self._submit = submit
        self._metrics = metrics
        self._limits = limits or Limits()
        self._budget = BodyBudget(self._limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        provider = scope["path"].rpartition(PATH)[2]
        try:
            verifier = self._check(provider, scope)
            body = await read_body(receive, self._limits, self._budget)
        except RefusedError as refused:
            self._metrics.answers[self._known(provider), str(refused.answer.status)] += 1
            await send(refused.answer.start)
            await send({**refused.answer.end, "more_body": True})
            await linger(receive)
            await send({"type": "http.response.body"})
            return
        answer = await answer_delivery(verifier, scope["headers"], body, self._submit)
        self._metrics.answers[provider, answer.label] += 1
        await send(answer.start)
        await send(answer.end)

    def _check(self, provider: str, scope: Scope) -> Verifier:
        if scope["method"] != "POST":
            raise RefusedError(refusal(405, "send it with POST", (b"allow", b"POST"), is_last=True))
        verifier = self._verifiers.get(provider)
        if verifier is None:
            raise RefusedError(refusal(404, "no such provider, or no secret is set for it", is_last=True))
        check_head(scope["headers"], self._limits)
        return verifier

    def _known(self, provider: str) -> str:
        return provider if provider in self._verifiers else "unknown"


class HeadGuard(HeadClock):
    """Ends a connection whose head is too slow or too large.

    The clock runs from the opening of a connection, and from the first byte of each further request on it, to the
    end of the head. Bytes that trickle in do not stop it. A request whose head comes in one piece costs nothing.
    """

    def data_received(self, data: bytes) -> None:
        """Pass *data* on, and look whether it has completed a head."""
        before = self.cycle
        is_of_a_body = before is not None and before.more_body
        super().data_received(data)
        if is_of_a_body:
            return
        if self.cycle is not before:
            self.head_bytes = 0
            self.stop_clock()
            return
        self.head_bytes += len(data)
        if self.head_bytes > HEAD_BYTES:
            self.refuse(TOO_LARGE)
        elif self.clock is None:
            self.start_clock()


class Receiver:
    """The ASGI application. Everything is opened when its server starts it, and closed when that stops it."""

    def __init__(self, load_settings: Callable[[], Settings] = Settings.load) -> None:
        """Take where the settings come from; they are loaded when the server starts."""
        self._load_settings = load_settings
        self._metrics = Metrics()
        self._service: Service | None = None
        self._endpoint: WebhookEndpoint | None = None
        self._api = make_api(self._why_not_ready, self._metrics_text)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or live as long as the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif self._endpoint is not None and scope["type"] == "http" and PATH in scope["path"]:
            await self._endpoint(scope, receive, send)
        else:
            await self._api(dict(scope), receive, send)  # type: ignore[arg-type]

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        put_in_front(HeadGuard, receive)
        allow_connections()
        try:
            settings = self._load_settings()
            limits = Limits(body_bytes=settings.webhook_body_bytes)
            async with open_service(settings, on_commit=self._metrics.count_commit) as service:
                self._service = service
                self._endpoint = WebhookEndpoint(service.verifiers, service.group.submit, self._metrics, limits)
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except IngestionError as error:
            what = "startup" if self._service is None else "shutdown"
            await send({"type": f"lifespan.{what}.failed", "message": f"{error}"})
            return
        except Exception as error:
            if self._service is None:  # else uvicorn takes it for an application without a lifespan, and serves it
                await send({"type": "lifespan.startup.failed", "message": f"a bug: {type(error).__name__}"})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    async def _why_not_ready(self) -> str | None:
        return "starting" if self._service is None else await self._service.why_not_ready()

    def _metrics_text(self) -> str:
        if self._service is not None:
            self._metrics.waiting = self._service.group.waiting
        return self._metrics.text()


app = Receiver()
