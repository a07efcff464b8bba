"""GitHub's example payloads, signed by GitHub's own library: both come from npm, once, into `.workbook/`."""

import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

from workbook.course import ROOT

PACKAGES = ("@octokit/webhooks-examples@7.6.1", "@octokit/webhooks-methods@6.0.0")
FOLDER = ROOT / ".workbook" / "octokit-7.6.1"
PATIENCE_S = 120

_SIGN_ALL = """
import { sign } from "@octokit/webhooks-methods";
import { readFileSync } from "node:fs";
const [from, secret] = process.argv.slice(2);
for (const { name, examples } of JSON.parse(readFileSync(from, "utf8"))) {
  for (const example of examples) {
    const body = JSON.stringify(example);
    console.log(JSON.stringify({ name, body, signature: await sign(secret, body) }));
  }
}
"""


class MissingError(Exception):
    """What this machine lacks, and how to get it."""


class SignedPayload(NamedTuple):
    """One example: the event's name, the body as GitHub's library would send it, and the signature."""

    name: str
    body: bytes
    signature: bytes

    def headers(self, delivery: str) -> dict[str, str]:
        """The headers that GitHub sends with it."""
        return {
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/044aadd",
            "X-GitHub-Delivery": delivery,
            "X-GitHub-Event": self.name,
            "X-Hub-Signature-256": self.signature.decode(),
        }


@cache
def signed_payloads(secret: str) -> tuple[SignedPayload, ...]:
    """Every example of github.com's events, signed with *secret*.

    Raises:
        MissingError: node or npm is not there, or npm cannot fetch the packages.
    """
    _fetch()
    script = FOLDER / "sign_all.mjs"
    examples = FOLDER / "node_modules" / "@octokit" / "webhooks-examples" / "api.github.com" / "index.json"
    signed = _run("node", str(script), str(examples), secret)
    lines = [json.loads(line) for line in signed.splitlines()]
    return tuple(SignedPayload(line["name"], line["body"].encode(), line["signature"].encode()) for line in lines)


def _fetch() -> None:
    if FOLDER.exists():
        return
    for program in ("node", "npm"):
        if not shutil.which(program):
            raise MissingError(f"no {program} on the PATH: `apt install nodejs npm`")
    FOLDER.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER.parent) as started:
        (Path(started) / "sign_all.mjs").write_text(_SIGN_ALL, encoding="utf-8")
        _run(
            "npm", "install", "--prefix", started, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES
        )
        done = Path(started) / "whole"
        done.mkdir()
        for each in ("node_modules", "sign_all.mjs"):
            (Path(started) / each).rename(done / each)
        try:
            done.rename(FOLDER)
        except OSError:  # another process was faster
            if not FOLDER.exists():
                raise


def _run(*command: str) -> str:
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            check=True,
            timeout=PATIENCE_S,
            encoding="utf-8",
            env={**os.environ, "CI": "1"},
        )
    except (OSError, subprocess.SubprocessError) as error:
        lines = str(getattr(error, "stderr", "") or error).splitlines()
        said = "; ".join(line for line in lines if line.strip() and "warn" not in line)[:200]
        raise MissingError(f"{command[0]} could not do its part: {said}") from None
    return ran.stdout
