"""Everything in `data/` arrives, as it would on a working day: orders are pulled, webhooks come in, files are dropped.

One place for it: `make run` shows it on the stack's own database, the checkpoint of a phase judges it on a fresh one.
Each part runs the package's own command in a process of its own, with the environment it is given.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from workbook.course import ROOT
from workbook.providers.client import open_session
from workbook.providers.webhook_sender import SECRETS, Delivery, load_deliveries, send
from workbook.stack import StackError
from workbook.stack.ports import HOST

DROPS = ROOT / "data" / "s3" / "drops"

_START_LIMIT_S = 30
_STOP_LIMIT_S = 15
_AT_ONCE = 32
_ATTEMPTS = 8
_PATIENCE_S = 30

Environment = Mapping[str, str]
OnProgress = Callable[[int, int], None]


Ran = subprocess.CompletedProcess[str]


def pull_orders(environment: Environment, *, seed: int = 7, quiet: bool = False) -> Ran:
    """Pull the orders from a provider that throttles, fails, hangs up and dawdles."""
    with open_session("rough_day", seed=seed, root=environment["MOCK_API_URL"]) as provider:
        return command({**environment, "REST_API_URL": provider.base_url}, "ingestion.pipeline", quiet=quiet)


def load_drops(environment: Environment, *, quiet: bool = False) -> Ran:
    """Load the files that lie in the bucket."""
    return command(environment, "ingestion", "drops", quiet=quiet)


def publish(environment: Environment, *, quiet: bool = False) -> Ran:
    """Publish what has landed, each event once, until the outbox is empty."""
    return command(environment, "ingestion", "relay", "--exactly-once", "--drain", quiet=quiet)


def command(environment: Environment, *arguments: str, quiet: bool = False) -> Ran:
    """Run `python -m` with *arguments* in the checkout. When *quiet*, its output is kept, and shown only if it fails."""
    ran = subprocess.run(
        [sys.executable, "-m", *arguments],
        env=dict(environment),
        cwd=ROOT,
        check=False,
        encoding="utf-8",
        errors="replace",
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
    )
    if quiet and ran.returncode:
        sys.stderr.write(ran.stdout)
    return ran


@contextmanager
def receiver(environment: Environment) -> Iterator[str]:
    """Run the webhook receiver with the course's secrets; give its URL once it is ready, and stop it at the end.

    Raises:
        StackError: It ends at once or is not ready in time; the message ends with what it said last.
    """
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    url = f"http://{HOST}:{port}"
    serving = [sys.executable, "-m", "uvicorn", "ingestion.webhooks.receiver:app", "--host", HOST, "--port", str(port)]
    log = Path(ROOT, ".workbook", "logs", f"receiver-{port}.log")  # of this one alone: another may be running
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            [*serving, "--no-access-log", "--log-level", "warning"],
            env={**environment, "WEBHOOK_SECRETS": json.dumps(SECRETS)},
            cwd=ROOT,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_ready(url, process, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(_STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if not log.stat().st_size:
            log.unlink()


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + _START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/readyz", timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    raise StackError(f"the webhook receiver is not ready: {said[-1] if said else 'it said nothing'} (see {log})")


def deliver(
    url: str,
    deliveries: Sequence[Delivery] | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> Counter[str]:
    """Send the deliveries as their providers would, again and again until acknowledged; count the answers by status.

    Args:
        url: The receiver.
        deliveries: What to send; all that is stored, if left out.
        on_progress: Called after each acknowledgement with how many there are, and of how many.

    Raises:
        StackError: A delivery was refused, or not acknowledged after several attempts.
    """
    chosen = load_deliveries() if deliveries is None else deliveries
    return asyncio.run(_deliver(url, chosen, on_progress))


async def _deliver(url: str, deliveries: Sequence[Delivery], on_progress: OnProgress) -> Counter[str]:
    answers: Counter[str] = Counter()
    waiting = iter(deliveries)

    async def sender(client: httpx.AsyncClient) -> None:
        for delivery in waiting:
            answers[await _until_acknowledged(client, url, delivery)] += 1
            on_progress(answers.total(), len(deliveries))

    try:
        async with httpx.AsyncClient(timeout=_PATIENCE_S) as client, asyncio.TaskGroup() as senders:
            for _ in range(_AT_ONCE):
                senders.create_task(sender(client))
    except* StackError as refused:
        first = refused.exceptions[0]
    else:
        return answers
    raise first


async def _until_acknowledged(client: httpx.AsyncClient, url: str, delivery: Delivery) -> str:
    said = "nothing"
    for attempt in range(_ATTEMPTS):
        try:
            answer = await send(client, url, delivery, now=datetime.now(UTC))
        except httpx.TransportError as error:
            said = type(error).__name__
        else:
            if answer.is_success:
                return str(answer.json()["status"])
            said = f"{answer.status_code} {answer.text[:200]}"
            if answer.status_code < 500:
                break
        await asyncio.sleep(0.05 * 2**attempt)
    raise StackError(f"{delivery.provider} gave up on event {delivery.event_id}: {said}")


def drop_files(environment: Environment, bucket: str) -> int:
    """Put the files of `data/s3/drops` into *bucket*, which is made if it is not there; gives how many there are.

    A file that lies there already with the same content is left alone, so that dropping twice is one version.
    """
    client = s3_client(environment)
    if bucket not in {found["Name"] for found in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=bucket)
    files = sorted(path for path in DROPS.rglob("*") if path.is_file())
    for path in files:
        key, body = path.relative_to(DROPS).as_posix(), path.read_bytes()
        if _stored(client, bucket, key) != body:
            client.put_object(Bucket=bucket, Key=key, Body=body)
    return len(files)


def s3_client(environment: Environment) -> Any:
    """Give a client of the S3 server that *environment* names."""
    import boto3

    return boto3.client(
        "s3",
        endpoint_url=environment.get("AWS_ENDPOINT_URL"),
        region_name=environment.get("AWS_DEFAULT_REGION"),
        aws_access_key_id=environment.get("AWS_ACCESS_KEY_ID"),
        aws_secret_access_key=environment.get("AWS_SECRET_ACCESS_KEY"),
    )


def _stored(client: Any, bucket: str, key: str) -> bytes | None:
    try:
        body: bytes = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    except client.exceptions.NoSuchKey:
        return None
    return body


def environment_of(urls: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a command that uses the servers at *urls*."""
    return {**os.environ, **urls}
