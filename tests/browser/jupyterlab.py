"""JupyterLab in headless Chromium: a server for one checkout, and a page on which a learner types and runs cells."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.workbook.course_copy import CourseCopy

PATIENCE_S = 60.0

_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
)
_NOTEBOOK = "const panel = window.jupyterapp.shell.currentWidget; const content = panel && panel.content;"


def what_is_missing() -> str:
    """Say what this machine lacks for a browser, and how to get it; empty when it is all there."""
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    return f"no {' and no '.join(missing)} on the PATH: `apt install chromium chromium-driver`" if missing else ""


def wait_until(asked: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """Give the first answer that is not empty."""
    end = time.monotonic() + patience_s
    while not (answer := asked()):
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s:.0f} s for {what}")
        time.sleep(0.1)
    return answer


@contextmanager
def served(course: CourseCopy, home: Path) -> Iterator[str]:
    """Serve *course* with settings of its own below *home*; gives the address with its token."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    token = secrets.token_hex(16)
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", "HOME")
    folders += ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"]
    command += [f"--ServerApp.root_dir={course.root}", "--LabApp.news_url=None"]
    command += ["--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate"]
    settings = home / "jupyterlab_settings_dir/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
    log = home / "jupyterlab.log"
    with log.open("w") as said:
        server = subprocess.Popen(
            command,
            cwd=course.root,
            env={**course.environment, **{name: str(home / name.lower()) for name in folders}},
            stdout=said,
            stderr=said,
        )
    try:
        wait_until(lambda: _answers(server, f"http://127.0.0.1:{port}/api"), f"JupyterLab (its log: {log})")
        yield f"http://127.0.0.1:{port}/lab/tree/{{path}}?token={token}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _answers(server: subprocess.Popen[bytes], url: str) -> bool:
    assert server.poll() is None, "JupyterLab has ended"
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


class NotebookPage:
    """One notebook open in a browser window."""

    def __init__(self, address: str, notebook: str, profile: Path, height: int = 1000) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for flag in (*_FLAGS, f"--user-data-dir={profile}", f"--window-size=1280,{height}"):
            options.add_argument(flag)
        service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options=options, service=service)
        self.driver.set_script_timeout(PATIENCE_S)
        self.driver.get(address.format(path=notebook))
        wait_until(lambda: self._ask("return Boolean(content && panel.sessionContext.isReady)"), "the notebook to open")
        wait_until(lambda: self.kernel_status() == "idle", "the kernel to be idle")

    def close(self) -> None:
        self.driver.quit()

    def _ask(self, script: str, *arguments: object) -> Any:
        return self.driver.execute_script(f"if (!window.jupyterapp) return null; {_NOTEBOOK} {script}", *arguments)

    def kernel_status(self) -> str:
        return str(self._ask("return panel.sessionContext.kernelDisplayStatus"))

    def cells(self) -> list[dict[str, Any]]:
        """The notebook's cells as its model has them now."""
        cells: list[dict[str, Any]] = self._ask("return content.model.toJSON().cells")
        return cells

    def go_to(self, index: int) -> None:
        """Make a cell the active one, and have it in the window."""
        self.driver.execute_async_script(
            f"const done = arguments[1]; {_NOTEBOOK} content.mode = 'command'; content.activeCellIndex = arguments[0];"
            "content.deselectAll(); content.scrollToItem(arguments[0], 'center').then(() => { content.activate(); done(); })",
            index,
        )

    def type_over_last_line(self, index: int, *lines: str) -> None:
        """Put the cursor into a cell, select its last line and type *lines*, key by key."""
        self.go_to(index)
        keys = ActionChains(self.driver, duration=0)
        keys.send_keys(Keys.ENTER).pause(0.2)
        keys.key_down(Keys.CONTROL).send_keys(Keys.END).key_up(Keys.CONTROL)
        keys.key_down(Keys.SHIFT).send_keys(Keys.HOME).key_up(Keys.SHIFT)
        keys.send_keys(lines[0])
        for line in lines[1:]:
            keys.send_keys(Keys.ENTER, line)
        keys.send_keys(Keys.ESCAPE).perform()

    def run(self, index: int) -> str:
        """Run a cell with Shift+Enter and give the text below it."""
        self.go_to(index)
        before = self.cells()[index].get("execution_count")
        keys = ActionChains(self.driver, duration=0)
        keys.key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
        wait_until(
            lambda: self.cells()[index].get("execution_count") not in (None, before) and self.kernel_status() == "idle",
            f"cell {index} to run",
        )
        return self.text_below(index)

    def text_below(self, index: int) -> str:
        """What the page shows as a cell's output."""
        return str(self._ask("return content.widgets[arguments[0]].outputArea.node.innerText", index))

    def save(self) -> None:
        """Save with Ctrl+S."""
        ActionChains(self.driver, duration=0).key_down(Keys.CONTROL).send_keys("s").key_up(Keys.CONTROL).perform()
        wait_until(lambda: self._ask("return !content.model.dirty"), "the notebook to be saved")

    def screenshot(self, path: Path) -> Path:
        self.driver.save_screenshot(str(path))
        return path
