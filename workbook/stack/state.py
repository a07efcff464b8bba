"""What the supervisor tells its callers (`state.json`), and what they ask of it (`wishes.json`)."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from workbook.stack.layout import Layout, read_json, write_atomically

Status = Literal["starting", "ready", "asleep", "failed", "absent"]
"""`asleep`: starts with the first connection to its open port. `absent`: not in this checkout."""

SETTLED: frozenset[Status] = frozenset({"ready", "asleep", "failed", "absent"})
USABLE: frozenset[Status] = frozenset({"ready", "asleep"})


@dataclass
class ServerState:
    """One server as last seen by the supervisor; `variables` is filled once it is usable."""

    status: Status
    required: bool = True
    pid: int | None = None
    variables: dict[str, str] = field(default_factory=dict)
    started_in_s: float | None = None
    detail: str = ""


@dataclass
class State:
    """The stack as last seen by the supervisor; `generation` is that of the wishes it took up last."""

    supervisor_pid: int
    generation: int = 0
    servers: dict[str, ServerState] = field(default_factory=dict)

    def save(self, layout: Layout) -> None:
        """Write it where callers look."""
        write_atomically(layout.state_file, json.dumps(asdict(self), indent=1).encode())

    @classmethod
    def load(cls, layout: Layout) -> State | None:
        """The saved state, None when none can be read. It may be stale: see `control.live_state`."""
        raw = read_json(layout.state_file)
        try:
            servers = {name: ServerState(**fields) for name, fields in raw["servers"].items()}
            return cls(int(raw["supervisor_pid"]), int(raw["generation"]), servers)
        except (TypeError, KeyError, ValueError, AttributeError):
            return None


@dataclass
class Wishes:
    """Which servers should run. Each change counts `generation` up, to tell an answer from an old one."""

    servers: tuple[str, ...] = ()
    generation: int = 0

    def save(self, layout: Layout) -> None:
        """Write it where the supervisor looks; it does so on SIGHUP."""
        write_atomically(layout.wishes_file, json.dumps(asdict(self)).encode())

    @classmethod
    def load(cls, layout: Layout) -> Wishes:
        """The saved wishes; none when they can't be read."""
        raw = read_json(layout.wishes_file)
        try:
            return cls(tuple(str(name) for name in raw["servers"]), int(raw["generation"]))
        except (TypeError, KeyError, ValueError):
            return cls()
