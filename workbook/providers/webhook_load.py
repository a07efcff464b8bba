"""Send many signed deliveries at once, as fast as the receiver answers: from a process of its own, over raw sockets.

    python -m workbook.providers.webhook_load http://127.0.0.1:8000 --connections 64 --seconds 5

Each connection sends its next delivery when the last one is answered. Requests are built before the clock starts.
Prints what happened as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson

from workbook.providers.webhook_sender import SECRETS, Delivery, sign

__all__ = ["Outcome", "event_id", "load", "raw_request", "run_load", "stripe_events"]


@dataclass
class Outcome:
    """What became of a load.

    Attributes:
        seconds: From the first request to the last answer.
        answers: How many of each: the `status` of a 200, else the number.
        acknowledged: The places of the deliveries that were answered 200.
        latencies_s: From sending to the answer, of each answered request.
        broken: Connections that ended before an answer.
    """

    seconds: float = 0.0
    answers: Counter[str] = field(default_factory=Counter)
    acknowledged: list[int] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    broken: int = 0

    @property
    def per_s(self) -> float:
        """Deliveries that were answered 200, by the second."""
        return len(self.acknowledged) / self.seconds if self.seconds else 0.0

    def latency_ms(self, share: float) -> float:
        """The latency that *share* of the requests stayed below, in milliseconds."""
        ordered = sorted(self.latencies_s)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def event_id(seed: int, number: int) -> str:
    """The id of one of the events that `stripe_events` makes."""
    return f"evt_{seed:08d}{number:010d}"


def stripe_events(count: int, *, seed: int = 7, duplicate_share: float = 0.0, size: int = 430) -> Iterator[bytes]:
    """The bodies of *count* deliveries of about *size* bytes; some repeat one before them."""
    rng = random.Random(seed)
    for number in range(count):
        which = rng.randrange(number) if number and rng.random() < duplicate_share else number
        about = {"id": event_id(seed, which), "object": "event", "type": "charge.succeeded", "created": 1_790_000_000}
        data = {"object": {"id": f"ch_{which:012d}", "amount": 1000 + which % 900, "currency": "eur"}}
        body = orjson.dumps({**about, "data": data})
        padding = "x" * max(0, size - len(body) - 11)
        yield orjson.dumps({**about, "data": data, "note": padding})


def raw_request(
    provider: str, body: bytes, *, now: datetime, host: str = "localhost", path: str = "/webhooks"
) -> bytes:
    """The bytes of one signed request."""
    delivery = Delivery(provider, "", 1, now, {"Content-Type": "application/json"}, body)
    headers = {
        "Host": host,
        "User-Agent": "load/1",
        "Content-Length": str(len(body)),
        **sign(delivery, SECRETS[provider], now),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST {path}/{provider} HTTP/1.1\r\n{head}\r\n".encode() + body


class _Sender(asyncio.Protocol):
    """One connection: sends a request, waits for its answer, sends the next."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._buffer = b""
        self._place: int | None = None
        self._sent_s = 0.0
        self._transport: Any = None
        self.over: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._send()

    def _send(self) -> None:
        self._place = self._load.next()
        if self._place is None:
            self._transport.close()
            return
        self._sent_s = time.perf_counter()
        self._transport.write(self._load.requests[self._place % len(self._load.requests)])

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or b"0")
        if len(rest) < length or self._place is None:
            return
        place, self._place, self._buffer = self._place, None, b""
        self._load.answered(place, int(head[9:12]), rest, time.perf_counter() - self._sent_s)
        if b"connection: close" in head.lower():
            self._transport.close()
        else:
            self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.over.done():
            self.over.set_result(self._place)


class _Load:
    def __init__(self, requests: Sequence[bytes], deadline_s: float | None, *, retries: bool, once: bool) -> None:
        self.requests = requests
        self.outcome = Outcome()
        self._deadline_s = deadline_s
        self._retries = retries
        self._again: list[int] = []
        places = range(len(requests))
        self._fresh: Iterator[int] = iter(places) if once or deadline_s is None else cycle(places)
        self._last_s = self._began_s = time.perf_counter()
        self.is_over = False

    def next(self) -> int | None:
        if self._deadline_s is not None and time.perf_counter() - self._began_s > self._deadline_s:
            self.is_over = True
            return None
        if self._again:
            return self._again.pop()
        place = next(self._fresh, None)
        self.is_over = place is None
        return place

    def answered(self, place: int, status: int, body: bytes, latency_s: float) -> None:
        self._last_s = time.perf_counter()
        self.outcome.latencies_s.append(latency_s)
        if status == 200:
            self.outcome.acknowledged.append(place)
            self.outcome.answers[orjson.loads(body).get("status", "200")] += 1
            return
        self.outcome.answers[str(status)] += 1
        if status >= 500:
            self.failed(place)

    def failed(self, place: int) -> None:
        if self._retries:
            self._again.append(place)

    def has_more(self) -> bool:
        return bool(self._again) and self._deadline_s is None

    def close(self) -> Outcome:
        self.outcome.seconds = self._last_s - self._began_s
        return self.outcome


async def load(
    url: str,
    requests: Sequence[bytes],
    *,
    connections: int = 64,
    seconds: float | None = None,
    retries: bool = False,
    once: bool = False,
    retry_s: float = 0.05,
    outcome: Outcome | None = None,
) -> Outcome:
    """Send *requests*, each once; with *seconds*, over and over for so long.

    Args:
        url: The receiver.
        requests: As `raw_request` makes them.
        connections: How many are open at once.
        seconds: How long to go on.
        retries: Send again what was not answered, or with 5xx, until it is answered otherwise.
        once: With *seconds*: end early rather than start over.
        retry_s: How long to wait before connecting anew.
        outcome: Filled while the load goes on; a new one if left out.
    """
    work = _Load(requests, seconds, retries=retries, once=once)
    work.outcome = outcome or work.outcome
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80

    async def one() -> None:
        while True:
            try:
                _, sender = await loop.create_connection(lambda: _Sender(work), host, port)
            except OSError:
                if not retries or (work.is_over and not work.has_more()):
                    return
                await asyncio.sleep(retry_s)
                continue
            unanswered = await sender.over
            if unanswered is not None:
                work.outcome.broken += 1
                work.failed(unanswered)
            if work.is_over and not work.has_more():
                return
            await asyncio.sleep(retry_s if unanswered is not None else 0)

    await asyncio.gather(*(one() for _ in range(connections)))
    return work.close()


def run_load(url: str, *arguments: str) -> Outcome:
    """Run this module in a process of its own, and give what it says."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "outcome.json"
        line = [sys.executable, "-m", "workbook.providers.webhook_load", url, *arguments, "--into", str(into)]
        subprocess.run(line, check=True, cwd=Path(__file__).resolve().parents[2])
        said = orjson.loads(into.read_bytes())
    return Outcome(**{**said, "answers": Counter(said["answers"])})


def main() -> None:
    """Run a load from the command line."""
    parser = argparse.ArgumentParser(
        "python -m workbook.providers.webhook_load", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("url")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--count", type=int, default=10_000, help="how many deliveries are built")
    parser.add_argument("--seconds", type=float, help="go on for so long, over and over (default: each once)")
    parser.add_argument("--duplicates", type=float, default=0.05, help="share of deliveries that repeat an event")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--size", type=int, default=430)
    parser.add_argument("--retries", action="store_true", help="send again what was not answered, or with 5xx")
    parser.add_argument("--once", action="store_true", help="with --seconds: end early rather than start over")
    parser.add_argument("--into", type=Path, help="write the outcome to a file instead")
    options = parser.parse_args()
    now = datetime.now(UTC)
    bodies = stripe_events(options.count, seed=options.seed, duplicate_share=options.duplicates, size=options.size)
    requests = [raw_request("stripe", body, now=now) for body in bodies]
    work = load(
        options.url,
        requests,
        connections=options.connections,
        seconds=options.seconds,
        retries=options.retries,
        once=options.once,
    )
    if sys.platform != "win32":
        import uvloop

        outcome = uvloop.run(work)
    else:
        outcome = asyncio.run(work)
    if options.into:
        options.into.write_bytes(orjson.dumps(outcome.__dict__))
    else:
        print(json.dumps(outcome.__dict__))


if __name__ == "__main__":
    main()
