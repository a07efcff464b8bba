"""The variables the stack offers, which of them the user has set, and the marked block it keeps in `.env`.

Precedence, strongest first: the process's environment, the user's own lines in `.env`, the stack. Values
which the stack itself has put into an environment don't count as the user's, there and in the processes
started from there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from pathlib import Path

from workbook.stack.layout import write_atomically

VARIABLES: dict[str, tuple[str, ...]] = {
    "postgres": ("DB_URL",),
    "redis": ("REDIS_URL",),
    "mock_api": ("MOCK_API_URL", "WEBHOOK_SECRETS"),
    "s3": ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"),
    "kafka_mock": ("KAFKA_BOOTSTRAP_SERVERS",),
    "kafka": ("KAFKA_BOOTSTRAP_SERVERS",),
}
"""What each server offers. The first variable decides: if the user has set it, the server isn't started.
A later server wins over an earlier one, so the real broker, once up, takes the mock cluster's place."""

NAMES = tuple(dict.fromkeys(name for names in VARIABLES.values() for name in names))
MARKER = "WORKBOOK_STACK"
"""Holds, as JSON, what the stack has put into this environment; child processes inherit both."""

_BEGIN = "# >>> workbook stack: `make up` writes these lines, `make down` removes them; your own lines win >>>"
_END = "# <<< workbook stack <<<"
_BLOCK = re.compile(
    re.escape(_BEGIN.encode()) + rb"\r?\n(.*?)" + re.escape(_END.encode()) + rb"(?:\r?\n|\Z)", re.DOTALL
)
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")


class EnvFile:
    """A `.env` file that belongs to the user, with one block in it that belongs to the stack.

    The block stands at the top, so the user's bytes stay as they are, and theirs is the last word in any
    reader of such files. Without the stack's block and the user's lines there is no file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()  # a link to the real file stays a link
        self._content = self._path.read_bytes() if self._path.exists() else b""

    @property
    def users_content(self) -> bytes:
        """The file without the stack's block, byte for byte."""
        return _BLOCK.sub(b"", self._content)

    def users_values(self) -> dict[str, str]:
        """The variables set by the user's own lines; an empty value counts as not set."""
        return parse(self.users_content.decode("utf-8", "surrogateescape"))

    def block_values(self) -> dict[str, str]:
        """The variables in the stack's block."""
        found = _BLOCK.search(self._content)
        return parse(found.group(1).decode("utf-8", "surrogateescape")) if found else {}

    def write_block(self, values: Mapping[str, str]) -> None:
        """Make the block say exactly *values*; with none, drop it, and the file if nothing else is in it."""
        lines = [_BEGIN, *(f"{name}={value}" for name, value in values.items()), _END, ""]
        wanted = ("\n".join(lines).encode() if values else b"") + self.users_content
        if wanted == self._content:
            return
        if wanted:
            mode = self._path.stat().st_mode & 0o777 if self._path.exists() else None
            write_atomically(self._path, wanted, mode)
        else:
            self._path.unlink(missing_ok=True)
        self._content = wanted


def parse(text: str) -> dict[str, str]:
    """The variables of a dotenv text: `NAME=value`, `export NAME=value`, quotes and trailing comments."""
    values = {}
    for line in text.splitlines():
        if match := _LINE.match(line):
            value = _unquoted(match.group(2))
            if value:
                values[match.group(1)] = value
    return values


def _unquoted(raw: str) -> str:
    if raw[:1] in ("'", '"') and raw.find(raw[0], 1) > 0:
        return raw[1 : raw.index(raw[0], 1)]
    return "" if raw.startswith("#") else re.split(r"\s#", raw, maxsplit=1)[0].strip()


@dataclass(frozen=True)
class UsersChoice:
    """The stack's variables that the user has set: in the environment, which is left alone, or in `.env`."""

    in_environment: dict[str, str]
    in_file: dict[str, str]

    @classmethod
    def read(cls, env_file: EnvFile, environ: Mapping[str, str]) -> UsersChoice:
        """What the user has set, given what the stack itself has set."""
        ours, block = published(environ), env_file.block_values()
        in_environment = {
            name: environ[name]
            for name in NAMES
            if environ.get(name) not in (None, "", ours.get(name), block.get(name))
        }
        return cls(in_environment, {name: v for name, v in env_file.users_values().items() if name in NAMES})

    @property
    def values(self) -> dict[str, str]:
        """All of it; the environment wins."""
        return {**self.in_file, **self.in_environment}

    def wanted_servers(self) -> tuple[str, ...]:
        """The servers that have to run for this user; the real Kafka only comes when asked for by name."""
        taken = self.values
        return tuple(server for server, names in VARIABLES.items() if server != "kafka" and names[0] not in taken)


def published(environ: Mapping[str, str]) -> dict[str, str]:
    """What the stack has put into *environ*, or into one it was inherited from."""
    try:
        values = json.loads(environ.get(MARKER, "{}"))
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in values.items()} if isinstance(values, dict) else {}


def publish(environ: MutableMapping[str, str], values: Mapping[str, str], choice: UsersChoice) -> None:
    """Make *environ* say *values*, except where the user has a word; take back what no longer holds."""
    for name, value in published(environ).items():
        if name not in values and environ.get(name) == value:
            del environ[name]
    ours = {name: value for name, value in values.items() if name not in choice.in_environment}
    environ.update(ours)
    if ours:
        environ[MARKER] = json.dumps(ours)
    else:
        environ.pop(MARKER, None)
