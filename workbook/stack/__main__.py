"""`python -m workbook.stack up|down|status` and `python -m workbook.stack kafka up|down`."""

from __future__ import annotations

import argparse
import sys
import time

from workbook.stack import control, kafka_broker
from workbook.stack.errors import StackError
from workbook.stack.layout import Layout


def up(root: str | None) -> None:
    """Start what isn't running and print every URL."""
    began = time.monotonic()
    values = control.ensure_up(root)
    for name, value in values.items():
        print(f"{name}={value}")
    print(f"The stack is up ({time.monotonic() - began:.2f} s).")


def down(root: str | None, wipe: bool) -> None:
    """Stop everything."""
    was_running = control.down(root, wipe=wipe)
    print("The stack is down." if was_running else "The stack was not running.")


def status(root: str | None) -> int:
    """Print a line a server; exit code 1 when the stack isn't running or a server has failed."""
    state = control.status(root)
    if state is None:
        print("The stack is not running: start it with `make up`.")
        return 1
    for name, server in state.servers.items():
        said = server.detail or next(iter(server.variables.values()), "")
        pid = f"process {server.pid}" if server.pid else ""
        took = f"{server.started_in_s:.2f} s" if server.started_in_s is not None else ""
        print(f"{name:<11} {server.status:<9} {pid:<15} {took:>7}  {said}".rstrip())
    print(f"supervisor  process {state.supervisor_pid}, logs in {Layout.of(root).home / 'logs'}")
    return 1 if any(server.status == "failed" for server in state.servers.values()) else 0


def kafka_up(root: str | None) -> None:
    """Get Kafka's jars if need be, start the broker and print its address."""
    kafka_broker.fetch(Layout.of(root))
    print(control.ensure_up(root, also=("kafka",))["KAFKA_BOOTSTRAP_SERVERS"])


def kafka_down(root: str | None) -> None:
    """Stop the broker; the mock cluster takes its place again."""
    control.release("kafka", root)
    print("Kafka is down.")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; a StackError becomes one line on stderr and exit code 1."""
    parser = argparse.ArgumentParser(
        prog="python -m workbook.stack", description="The embedded stack of this checkout."
    )
    parser.add_argument("--root", help="the checkout, by default the one this program stands in")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("up", help=up.__doc__)
    commands.add_parser("down", help=down.__doc__).add_argument(
        "--wipe", action="store_true", help="delete its data too"
    )
    commands.add_parser("status", help=status.__doc__)
    kafka = commands.add_parser("kafka", help="Apache Kafka itself: up or down")
    kafka.add_argument("kafka_command", choices=("up", "down"))
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "status":
            return status(chosen.root)
        if chosen.command == "up":
            up(chosen.root)
        elif chosen.command == "down":
            down(chosen.root, chosen.wipe)
        elif chosen.kafka_command == "up":
            kafka_up(chosen.root)
        else:
            kafka_down(chosen.root)
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
