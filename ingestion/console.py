# Made from solutions/m01_rest/18_pipeline.ipynb: edit it there.
"""How a command talks and ends: a log on stderr, errors in one line, exit codes, signals that stop it cleanly."""

import argparse
import asyncio
import gc
import logging
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from ingestion.errors import (
    ConfigurationError,
    ContractViolationError,
    CorruptError,
    IngestionError,
    PermanentError,
    ThrottledError,
    TransientError,
)
from ingestion.store.watermarks import SourceBusyError

__all__ = [
    "EXIT_CODES",
    "Command",
    "Stop",
    "about",
    "collect_seldom",
    "command_parser",
    "counted",
    "exit_code",
    "in_one_line",
    "logger",
    "print_table",
    "progress_bar",
    "run_command",
]


# As in sysexits.h: what a supervisor should make of how a command ended.
DONE, BAD_DATA, UNAVAILABLE, BUG, TRY_LATER, MISCONFIGURED = 0, 65, 69, 70, 75, 78

EXIT_CODES = """\
exit codes:
  0    done, also when there was nothing new
  2    the command line is wrong
  65   the data is not what it should be: see the message, then the dead letters
  69   the upstream, Postgres or Redis is not available, or refuses: run again
  70   a bug: run again with --debug
  75   too early: another run holds the source, or the upstream asked for patience
  78   a setting is missing or wrong
  130  stopped by SIGINT (Ctrl-C), 143 by SIGTERM; all that had landed stays
"""

logger = logging.getLogger(__name__)


class Stop:
    """A wish to stop: set by the first signal, and looked at by a command between two pieces of work."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self.exit_code = DONE

    @property
    def is_wanted(self) -> bool:
        """Whether to begin no further piece of work."""
        return self._event.is_set()

    def want(self, exit_code: int = DONE) -> None:
        """Ask to stop, and to give this exit code if that ends the work early."""
        self.exit_code = exit_code
        self._event.set()

    async def wait(self) -> None:
        """Wait until somebody asks to stop."""
        await self._event.wait()


Command = Callable[[Stop], Awaitable[int]]


def command_parser(program: str, description: str) -> argparse.ArgumentParser:
    """Make a parser with the options and the explanations that every command has."""
    parser = argparse.ArgumentParser(
        program,
        description=description,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks, and log every request")
    parser.add_argument("--quiet", action="store_true", help="log only warnings and errors")
    return parser


def collect_seldom() -> None:
    """Let Python look for garbage in cycles when it has made 10,000 objects, and not at every 700.

    A page is thousands of objects without a cycle, gone as soon as it is decoded: looking through them each time takes
    a tenth of a run's CPU.
    """
    gc.set_threshold(10_000, 20, 20)


def run_command(command: Command, options: argparse.Namespace) -> int:
    """Run *command* and give its exit code.

    Whatever goes wrong is one line on stderr, with a traceback only under `--debug`. The first SIGINT or SIGTERM asks
    the command to stop, the second cancels it.
    """
    collect_seldom()
    level = logging.DEBUG if options.debug else logging.WARNING if options.quiet else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    for chatty in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
    try:
        # The default loop of Windows cannot wait for Postgres.
        with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop if sys.platform == "win32" else None) as runner:
            return runner.run(_with_signals(command))
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Exception as error:
        if options.debug:
            traceback.print_exc()
        print(f"error: {in_one_line(error)}", file=sys.stderr)
        return exit_code(error)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[str], None]]:
    """Show on the terminal that something moves; give what updates its text. Nothing is shown where there is none."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    # Loaded where it is needed: a service that runs by itself has no terminal, and saves its memory.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda text: progress.update(task, description=f"{what}: {text}")


@contextmanager
def about(text: str) -> Iterator[None]:
    """Add to an error of this package what it was about, and where to change that."""
    try:
        yield
    except IngestionError as error:
        error.add_note(text)
        raise


def counted(count: int, noun: str) -> str:
    """Say how many: `1 page`, `2 pages`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def print_table(rows: Sequence[Mapping[str, object]]) -> None:
    """Print *rows* as a table under the names of the first."""
    names = list(rows[0])
    texts = [[str(row[name]) for name in names] for row in rows]
    widths = [max(map(len, column)) for column in zip(names, *texts, strict=True)]
    for cells in (names, ["-" * width for width in widths], *texts):
        print("  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)))


async def _with_signals(command: Command) -> int:
    stop, task, loop = Stop(), asyncio.current_task(), asyncio.get_running_loop()

    def on_signal(number: int) -> None:
        if stop.is_wanted and task:
            task.cancel()
        logger.warning("stopping after the batch in hand; once more to stop at once")
        stop.want(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, on_signal, number)
        except NotImplementedError:  # Windows: Ctrl-C raises KeyboardInterrupt, and SIGTERM ends the process
            break
    try:
        return await command(stop)
    except asyncio.CancelledError:
        if stop.is_wanted:
            return stop.exit_code
        raise


def in_one_line(error: BaseException) -> str:
    """Say what was wrong, with what, and what to do: the message and the notes added on its way up."""
    text = str(error) if isinstance(error, IngestionError) else f"{type(error).__name__}: {error}"
    parts = [part.strip(" .\n").replace("\n", "; ") for part in [text, *getattr(error, "__notes__", [])]]
    # A key of the source's may hold what ends a line, or what commands a terminal.
    return "".join(character if character.isprintable() else " " for character in ". ".join(parts))


def exit_code(error: BaseException) -> int:
    """Say with one number what to do about *error*."""
    match error:
        case ConfigurationError():
            return MISCONFIGURED
        case ContractViolationError() | CorruptError():
            return BAD_DATA
        case SourceBusyError() | ThrottledError():
            return TRY_LATER
        case TransientError() | PermanentError() | OSError():
            return UNAVAILABLE
        case _:
            return BUG
