"""`make run`: everything in `data/` arrives, through a bad day, and is landed and published; then the streams, in a table."""

import sys

import httpx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from workbook import arrivals
from workbook.stack import StackError, ensure_up

BLOCKED = 3


def main() -> int:
    """Start the stack and let everything arrive; 0, or the exit code of the first command that failed."""
    try:
        environment = arrivals.environment_of(ensure_up())
        return _happen(environment)
    except (StackError, httpx.HTTPError) as error:
        print(f"make run: {error}", file=sys.stderr)
        return BLOCKED


def _happen(environment: dict[str, str]) -> int:
    _say("Orders are pulled. Their provider is having a rough day: it throttles, fails, hangs up and dawdles.")
    if code := arrivals.pull_orders(environment).returncode:
        return code
    _say("\nWebhooks come in from four providers, signed; some come twice.")
    with arrivals.receiver(environment) as url:
        _deliver(url)
    bucket = environment.get("DROPS_BUCKET", "drops")
    _say(f"\n{arrivals.drop_files(environment, bucket)} files lie in s3://{bucket}/.")
    if code := arrivals.load_drops(environment).returncode:
        return code
    _say("\nWhat landed is published to Kafka.")
    if code := arrivals.publish(environment).returncode:
        return code
    _say("")
    return arrivals.command(environment, "ingestion", "status").returncode


def _deliver(url: str) -> None:
    columns = (TextColumn("webhooks"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, transient=True, console=Console(stderr=True)) as progress:
        bar = progress.add_task("webhooks")
        answers = arrivals.deliver(
            url, on_progress=lambda done, total: progress.update(bar, completed=done, total=total)
        )
    kept, repeated = answers.pop("accepted", 0), answers.pop("duplicate", 0)
    others = "".join(f", {count:,} {answer}" for answer, count in answers.items())
    _say(
        f"{kept + repeated + answers.total():,} deliveries acknowledged: {kept:,} events kept, {repeated:,} duplicates{others}"
    )


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
