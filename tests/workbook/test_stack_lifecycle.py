"""The promises of the embedded stack, each kept by real servers in a checkout of the test's own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from tests.workbook.stack_checkout import Checkout, python_for, still_alive, words
from workbook.stack.layout import CODE_ROOT
from workbook.stack.locks import is_held


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Checkout]:
    one = Checkout(tmp_path)
    yield one
    one.run("down")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Checkout, dict[str, str], float]]:
    """A stack that no test here changes, its values, and the seconds its very first start took."""
    one = Checkout(tmp_path_factory.mktemp("shared"))
    began = time.monotonic()
    values = one.up()
    yield one, values, time.monotonic() - began
    one.run("down")


def ask_postgres(values: dict[str, str], query: str) -> object:
    with psycopg.connect(values["DB_URL"], connect_timeout=5) as connection:
        row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return row[0]


def test_the_very_first_start_takes_about_three_seconds(
    running: tuple[Checkout, dict[str, str], float],
) -> None:
    _, _, seconds = running
    assert seconds < 5, f"measured {seconds:.2f} s; about 1.2 s on two idle cores"


def test_postgres_is_a_real_postgres_18_that_compares_as_every_other_machine_does(
    running: tuple[Checkout, dict[str, str], float],
) -> None:
    _, values, _ = running
    assert values["DB_URL"].startswith("postgresql://postgres@127.0.0.1:")
    assert values["DB_URL"].endswith("/ingestion")
    assert str(ask_postgres(values, "SHOW server_version")).startswith("18")
    assert ask_postgres(values, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{a,B,ä,Z}'::text[]) x") == "BZaä"
    assert ask_postgres(values, "SHOW timezone") == "UTC"


def test_redis_answers_and_runs_scripts(running: tuple[Checkout, dict[str, str], float]) -> None:
    _, values, _ = running
    with redis.Redis.from_url(values["REDIS_URL"]) as client:
        assert client.eval("return redis.call('INCRBY', KEYS[1], 7)", 1, "counter") == 7


def test_mock_api_answers_with_one_date(running: tuple[Checkout, dict[str, str], float]) -> None:
    _, values, _ = running
    with urllib.request.urlopen(values["MOCK_API_URL"] + "/orders/pages?page=5", timeout=5) as answer:
        assert len(json.load(answer)["data"]) == 100
        assert len(answer.headers.get_all("Date")) == 1


def test_s3_sleeps_until_somebody_connects(running: tuple[Checkout, dict[str, str], float]) -> None:
    import boto3

    checkout, values, _ = running
    assert checkout.state().servers["s3"].status == "asleep"
    client = boto3.client(
        "s3",
        endpoint_url=values["AWS_ENDPOINT_URL"],
        aws_access_key_id=values["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=values["AWS_SECRET_ACCESS_KEY"],
        region_name=values["AWS_DEFAULT_REGION"],
    )
    client.create_bucket(Bucket="drops")
    client.put_object(Bucket="drops", Key="a.csv", Body=b"x" * 100_000)
    assert len(client.get_object(Bucket="drops", Key="a.csv")["Body"].read()) == 100_000
    assert checkout.state().servers["s3"].status == "ready"


def test_the_mock_cluster_takes_and_gives_back_a_message(
    running: tuple[Checkout, dict[str, str], float],
) -> None:
    from confluent_kafka import Consumer, Producer

    servers = {"bootstrap.servers": running[1]["KAFKA_BOOTSTRAP_SERVERS"], "log_level": 0}
    producer = Producer(servers)
    producer.produce("events", b"hello")
    assert producer.flush(10) == 0
    consumer = Consumer({**servers, "group.id": "g", "auto.offset.reset": "earliest"})
    consumer.subscribe(["events"])
    try:
        message = consumer.poll(20)
        assert message is not None
        assert message.value() == b"hello"
    finally:
        consumer.close()


def test_asking_again_costs_milliseconds(
    running: tuple[Checkout, dict[str, str], float], monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbook.stack import ensure_up
    from workbook.stack.environment import MARKER, NAMES

    checkout, values, _ = running
    for name in (*NAMES, MARKER):
        monkeypatch.delenv(name, raising=False)
    took_s = []
    for _ in range(20):
        began = time.perf_counter()
        assert ensure_up(checkout.root) == values
        took_s.append(time.perf_counter() - began)
    assert sorted(took_s)[10] < 0.02, f"median {sorted(took_s)[10] * 1000:.1f} ms"
    assert os.environ["DB_URL"] == values["DB_URL"]


def test_importing_the_stack_is_cheap() -> None:
    script = (
        "import sys, time; t = time.perf_counter(); import workbook.stack; took = time.perf_counter() - t\n"
        "heavy = {'moto', 'confluent_kafka', 'uvicorn', 'fastapi', 'psycopg', 'psutil', 'redis', 'boto3'}\n"
        "heavy &= set(sys.modules)\n"
        "assert not heavy, heavy\nprint(took)"
    )
    took_s = min(
        float(subprocess.run([sys.executable, "-c", script], cwd=CODE_ROOT, check=True, capture_output=True).stdout)
        for _ in range(3)
    )
    assert took_s < 0.15


def test_callers_that_come_at_once_share_one_stack(checkout: Checkout) -> None:
    callers = [checkout.popen("up") for _ in range(6)]
    answers = {"\n".join(caller.communicate(timeout=60)[0].splitlines()[:-1]) for caller in callers}
    assert [caller.returncode for caller in callers] == [0] * 6
    assert len(answers) == 1
    postmasters = [process for process in checkout.processes() if "-D" in process.cmdline()]
    assert len(postmasters) == 1


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_caller_puts_it_right(checkout: Checkout) -> None:
    before = checkout.up()
    with psycopg.connect(before["DB_URL"], autocommit=True) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    processes = checkout.processes()
    assert len([process for process in processes if "postgres" in words(process)]) > 3
    busy = psycopg.connect(before["DB_URL"])
    busy.pgconn.send_query(b"SELECT count(*) FROM generate_series(1, 1e12::bigint)")  # a backend that looks at nothing

    processes[0].kill()
    assert still_alive(processes, within_s=10) == []
    busy.close()
    assert checkout.layout.state_file.exists(), "the stale file is part of this test"

    assert checkout.up() == {**before, "KAFKA_BOOTSTRAP_SERVERS": checkout.up()["KAFKA_BOOTSTRAP_SERVERS"]}
    assert ask_postgres(before, "SELECT answer FROM kept") == 42


def test_a_killed_watchdog_is_replaced_and_does_its_duty(checkout: Checkout) -> None:
    checkout.up()
    watchdog = next(process for process in checkout.processes() if "watchdog.py" in words(process))
    watchdog.kill()
    assert still_alive([watchdog], within_s=5) == []
    deadline = time.monotonic() + 5
    while not any("watchdog.py" in words(process) for process in checkout.processes()):
        assert time.monotonic() < deadline, "no other watchdog came"
        time.sleep(0.02)


def test_the_watchdog_alone_kills_when_its_pipe_ends() -> None:
    """Without the help of PR_SET_PDEATHSIG: what macOS relies on."""
    from workbook.stack import watchdog

    victim = subprocess.Popen(["sleep", "60"])
    spared = subprocess.Popen(["sleep", "60"])
    dog = subprocess.Popen([sys.executable, "-I", "-S", watchdog.__file__], stdin=subprocess.PIPE, text=True)
    with suppress(subprocess.TimeoutExpired):  # it waits for the victim, which stays a zombie until we look
        dog.communicate(
            f"watch {victim.pid} {int(signal.SIGKILL)}\nwatch {spared.pid} 9\nforget {spared.pid}\n",
            timeout=0.2,
        )
    assert victim.wait(5) == -signal.SIGKILL
    assert dog.wait(10) == 0
    assert spared.poll() is None
    spared.kill()
    spared.wait()


def test_a_pid_file_left_by_a_reboot_does_not_matter(checkout: Checkout) -> None:
    checkout.up()
    data = checkout.layout.home / "postgres"
    left_by_power_cut = (data / "postmaster.pid").read_text().splitlines()
    checkout.run("down")
    left_by_power_cut[0] = str(os.getpid())  # after the reboot the number belongs to a stranger
    (data / "postmaster.pid").write_text("\n".join(left_by_power_cut) + "\n")
    shutil.chown(data / "postmaster.pid", data.stat().st_uid, data.stat().st_gid)
    assert ask_postgres(checkout.up(), "SELECT 1") == 1


def test_a_half_written_state_file_does_not_matter(checkout: Checkout) -> None:
    values = checkout.up()
    checkout.layout.state_file.write_text('{"supervisor_pid": 1')
    assert checkout.up() == values


def test_a_server_that_dies_comes_back_at_the_same_address(checkout: Checkout) -> None:
    values = checkout.up()
    os.kill(checkout.state().servers["redis"].pid or 0, signal.SIGKILL)
    os.kill(checkout.state().servers["postgres"].pid or 0, signal.SIGKILL)
    deadline = time.monotonic() + 15
    while True:
        try:
            with redis.Redis.from_url(values["REDIS_URL"]) as client:
                client.ping()
            assert ask_postgres(values, "SELECT 1") == 1
            break
        except (redis.ConnectionError, psycopg.OperationalError):
            assert time.monotonic() < deadline, "it did not come back"
            time.sleep(0.05)
    assert checkout.up() == values


def test_a_dropped_database_is_back_after_the_next_start(checkout: Checkout) -> None:
    values = checkout.up()
    with psycopg.connect(values["DB_URL"].replace("/ingestion", "/postgres"), autocommit=True) as connection:
        connection.execute("DROP DATABASE ingestion")
    checkout.run("down")
    assert ask_postgres(checkout.up(), "SELECT 1") == 1


def test_two_checkouts_run_side_by_side(checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> None:
    mine = checkout.up()
    other = Checkout(tmp_path_factory.mktemp("other"), environment={})
    try:
        theirs = other.up()
        urls = [name for name in mine if name.endswith(("_URL", "_SERVERS"))]
        assert all(mine[name] != theirs[name] for name in urls)
        other.run("down")
        assert ask_postgres(mine, "SELECT 1") == 1
    finally:
        other.run("down")


def test_down_stops_everything_quickly_and_may_be_repeated(checkout: Checkout) -> None:
    values = checkout.up()
    processes = checkout.processes()
    client = psycopg.connect(values["DB_URL"])  # an open session must not hold it up
    began = time.monotonic()
    assert checkout.run("down").stdout == "The stack is down.\n"
    assert time.monotonic() - began < 3
    assert still_alive(processes, within_s=1) == []
    assert not checkout.layout.env_file.exists()
    client.close()
    again = checkout.run("down")
    assert (again.returncode, again.stdout) == (0, "The stack was not running.\n")


def test_down_where_nothing_ever_ran_leaves_no_trace(tmp_path: Path) -> None:
    assert Checkout(tmp_path).run("down").returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_urls_stay_the_same_over_down_and_up(checkout: Checkout) -> None:
    before = checkout.up()
    checkout.run("down")
    after = checkout.up()
    fixed = [name for name in before if name != "KAFKA_BOOTSTRAP_SERVERS"]  # librdkafka chooses that one
    assert [after[name] for name in fixed] == [before[name] for name in fixed]


def test_wipe_deletes_the_data(checkout: Checkout) -> None:
    with psycopg.connect(checkout.up()["DB_URL"]) as connection:
        connection.execute("CREATE TABLE gone ()")
    checkout.run("down", "--wipe")
    assert ask_postgres(checkout.up(), "SELECT to_regclass('gone')") is None


def test_status_reads_well(checkout: Checkout) -> None:
    nothing = checkout.run("status")
    assert (nothing.returncode, nothing.stdout) == (1, "The stack is not running: start it with `make up`.\n")
    values = checkout.up()
    told = checkout.run("status")
    assert told.returncode == 0
    lines = {line.split()[0]: line for line in told.stdout.splitlines()}
    assert "ready" in lines["postgres"]
    assert values["DB_URL"] in lines["postgres"]
    assert "asleep" in lines["s3"]
    assert str(checkout.layout.home / "logs") in lines["supervisor"]


def test_the_stack_ends_when_its_folder_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`rm -rf` of a checkout leaves nobody who could stop its servers."""
    from workbook.stack import supervisor

    layout = Checkout(tmp_path).layout
    layout.prepare()
    lock = os.open(layout.supervisor_lock, os.O_RDWR | os.O_CREAT)
    monkeypatch.setattr(supervisor, "QUIET_TICK_S", 0.01)
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD, signal.SIGINT)}
    layout.supervisor_lock.unlink()
    before = psutil.Process().num_fds()
    try:
        supervisor.Supervisor(layout, lock).run()  # returns, for its lock file isn't there any more
    finally:
        wakes = signal.set_wakeup_fd(-1)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(lock)
    assert not is_held(layout.supervisor_lock)
    assert wakes == -1, "signals still write into its socket"
    assert psutil.Process().num_fds() <= before - 1, "only the lock had to be closed by others"


def require_postgres_of_an_ordinary_user(one: Checkout) -> None:
    try:
        assert ask_postgres(one.up(), "SELECT 1") == 1
        postgres = [process for process in one.processes() if process.name() == "postgres"]
        assert postgres
        assert all(process.uids().effective != 0 for process in postgres)
    finally:
        assert one.run("down").returncode == 0


@pytest.mark.parametrize("mode", [0o700, 0o755])
def test_postgres_never_runs_as_root_and_no_folder_is_opened_for_it(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "checkout"
    folder.mkdir()
    tmp_path.chmod(mode)
    require_postgres_of_an_ordinary_user(Checkout(folder))
    assert tmp_path.stat().st_mode & 0o777 == mode


def test_it_works_for_an_ordinary_user_too(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        require_postgres_of_an_ordinary_user(Checkout(tmp_path))
        return
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        shutil.chown(folder, "nobody")
        python, environment = python_for("nobody")
        one = Checkout(Path(folder), user="nobody", python=python, environment=environment)
        require_postgres_of_an_ordinary_user(one)
        assert one.layout.home.owner() == "nobody"
