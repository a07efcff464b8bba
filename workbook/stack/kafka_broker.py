"""Apache Kafka itself, one KRaft broker from its Maven artifacts: `make kafka`, given Java 17 and mvn."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from workbook.stack import logs
from workbook.stack.errors import StackError
from workbook.stack.layout import Layout
from workbook.stack.ports import HOST
from workbook.stack.server import Server

KAFKA_VERSION = "4.1.1"
LOG4J_VERSION = "2.24.3"
OLDEST_JAVA = 17
_CLUSTER_ID = "d29ya2Jvb2std29ya2Jvbw"  # any 16 bytes in base64

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>workbook</groupId><artifactId>kafka-broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>{LOG4J_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{LOG4J_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""
_LOG4J = """status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %m (%c)%n
rootLogger.level = WARN
rootLogger.appenderRef.console.ref = console
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = INFO
"""


def java_version() -> int | None:
    """The major version of the `java` on the PATH, or None."""
    if shutil.which("java") is None:
        return None
    told = subprocess.run(["java", "-version"], check=False, capture_output=True, text=True, timeout=30).stderr
    found = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(found.group(1)) if found else None


def what_is_missing() -> str:
    """The reason why this machine can't run the broker, with what to install; empty when it can."""
    version = java_version()
    if version is None or version < OLDEST_JAVA:
        found = "no java on the PATH" if version is None else f"java {version} is too old"
        return f"{found}: install Java {OLDEST_JAVA} or newer (`apt install openjdk-17-jre-headless`)"
    if shutil.which("mvn") is None:
        return "no mvn on the PATH: install Maven (`apt install maven`, `brew install maven`)"
    return ""


def fetch(layout: Layout) -> None:
    """Have the broker's jars in `.workbook/kafka`: about 45 MB, once, through Maven's own settings and cache.

    Raises:
        StackError: Java or Maven is missing, or Maven could not get the jars.
    """
    folder = layout.home / "kafka"
    jars = folder / f"jars-{KAFKA_VERSION}"
    if reason := what_is_missing():
        raise StackError(reason)
    if jars.exists():
        return
    layout.prepare()
    folder.mkdir(exist_ok=True)
    (folder / "pom.xml").write_text(_POM, encoding="utf-8")
    fresh = folder / "jars.new"
    shutil.rmtree(fresh, ignore_errors=True)
    command = ["mvn", "--batch-mode", "--quiet", "dependency:copy-dependencies", f"-DoutputDirectory={fresh}"]
    with layout.log_file("maven").open("w", encoding="utf-8") as log:
        done = subprocess.run(command, check=False, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    if done.returncode != 0 or not any(fresh.glob("kafka_2.13-*.jar")):
        log_file = layout.log_file("maven")
        raise StackError(f"Maven could not get Kafka's jars: {logs.telling_line(log_file)} (log: {log_file})")
    fresh.rename(jars)


class KafkaBroker(Server):
    """Broker and controller in one JVM; its topics stay in `.workbook/kafka/data`."""

    name = "kafka"
    required = False
    stop_signal = signal.SIGTERM
    port = 0

    def prepare(self) -> None:
        """Write its settings, and format its storage once."""
        if not self._jars().exists():
            raise StackError("Kafka's jars are not here yet: start it with `make kafka`")
        self.port = self.ports.choose("kafka")
        self._write_settings(self.ports.choose("kafka_controller"))
        if not (self.folder / "data" / "meta.properties").exists():
            self._format()

    def command(self) -> list[str]:
        """`kafka.Kafka`, the entry point of Apache Kafka."""
        return [*self._java(), "kafka.Kafka", str(self.folder / "server.properties")]

    def is_ready(self) -> bool:
        """Kafka logs a line when it serves."""
        return "Kafka Server started" in logs.text_since(self.log_file, self.log_offset_bytes)

    def variables(self) -> dict[str, str]:
        """Its bootstrap address."""
        return {"KAFKA_BOOTSTRAP_SERVERS": f"{HOST}:{self.port}"}

    def _jars(self) -> Path:
        return self.folder / f"jars-{KAFKA_VERSION}"

    def _java(self) -> list[str]:
        log4j = self.folder / "log4j2.properties"
        log4j.write_text(_LOG4J, encoding="utf-8")
        flags = ["-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.awt.headless=true"]
        return ["java", *flags, f"-Dlog4j2.configurationFile={log4j}", "-cp", f"{self._jars()}{os.sep}*"]

    def _write_settings(self, controller_port: int) -> None:
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{HOST}:{controller_port}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{HOST}:{self.port},CONTROLLER://{HOST}:{controller_port}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self.folder / "data",
            "num.partitions": 4,
            # One broker can't keep three copies.
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 4,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
        }
        text = "".join(f"{name}={value}\n" for name, value in settings.items())
        (self.folder / "server.properties").write_text(text, encoding="utf-8")

    def _format(self) -> None:
        settings = str(self.folder / "server.properties")
        command = [*self._java(), "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", settings]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            reason = ((done.stderr or done.stdout).strip().splitlines() or ["it said nothing"])[-1]
            raise StackError(f"Kafka could not format {self.folder / 'data'}: {reason}")
