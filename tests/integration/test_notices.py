"""Notices from real servers: of two on one database one tells; a webhook, a mailbox, and what `gpurun doctor` says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from receivers import Webhook, mail_server
from servers import BIN, TOKEN, JupyterServer, wait_until

SECRET = "in-the-path-7d1f"
UNKNOWN = "Object contains unknown field `when`."


class Scene(NamedTuple):
    servers: tuple[JupyterServer, JupyterServer]
    hook: Webhook
    letters: list[Message]

    def titles(self) -> list[str]:
        return self.hook.titles(f"/{SECRET}")

    def doctor(self, *options: str) -> list[dict[str, Any]]:
        env = self.servers[0].env | {"GPURUN_URL": self.servers[0].url, "GPURUN_TOKEN": TOKEN}
        command = [str(BIN / "gpurun"), "doctor", "--json", *options]
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)
        assert SECRET not in done.stdout + done.stderr
        return [one for one in json.loads(done.stdout) if one["what"] == "notices"]


def pair(folder: Path, notices: list[dict[str, Any]]) -> tuple[JupyterServer, JupyterServer]:
    """Two servers on one state directory, with the same setting."""
    made = JupyterServer(folder / "first"), JupyterServer(folder / "second")
    for server in made:
        server.home = made[0].home
        server.env["GPURUN_HOME"] = str(made[0].home)
        config = f"c.GpurunApp.notices = {notices!r}\n"
        (Path(server.env["JUPYTER_CONFIG_DIR"]) / "jupyter_server_config.py").write_text(config)
    with ThreadPoolExecutor(2) as starting:
        list(starting.map(JupyterServer.start, made))
    return made


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    hook = Webhook()
    with mail_server() as (mailbox, letters):
        notices = [
            {"url": hook.url(f"/{SECRET}")},
            {"url": mailbox, "on": ["failed"], "projects": ["digits"]},
            {"url": hook.url("/others"), "owners": ["somebody else"]},
            {"url": hook.url(f"/{SECRET}"), "when": "failed"},  # costs no other its notices
        ]
        servers = pair(tmp_path_factory.mktemp("notices"), notices)
        yield Scene(servers, hook, letters)
        servers[1].stop()
        servers[0].close()
        servers[1].close()
    hook.close()


def test_one_of_two_servers_tells_a_webhook_and_a_mailbox(scene: Scene) -> None:
    first, second = scene.servers
    first.submit("1", name="good", project="digits")
    wait_until(lambda: scene.titles() == ["Run good: succeeded"], 30, "for the first notice")
    failed = second.submit("1 / 0", name="bad", project="digits")
    wait_until(lambda: len(scene.letters) == 1, 30, "for the letter")
    (letter,) = scene.letters
    assert letter["Subject"] == "Run bad: failed"
    (text, *_) = [part for part in letter.walk() if part.get_content_type().startswith("text/")]
    said = text.get_payload(decode=True).decode()
    assert f"bad (digits, {failed}): failed after 0:0" in said
    assert "ZeroDivisionError: division by zero" in said
    second.submit("1", name="last")
    wait_until(lambda: "Run last: succeeded" in scene.titles(), 30, "for the last notice")
    assert scene.titles() == ["Run good: succeeded", "Run bad: failed", "Run last: succeeded"]
    assert (len(scene.letters), scene.hook.titles("/others")) == (1, [])


def test_doctor_says_who_is_told_and_sends_a_trial(scene: Scene) -> None:
    hook, mail, wrong = scene.doctor()
    assert hook["says"] == "JSON is told of succeeded, failed, timed_out, lost_agent"
    assert mail["says"].endswith("is told of failed of digits")
    assert (wrong["verdict"], wrong["says"]) == ("wrong", f"GpurunApp.notices, entry 4: {UNKNOWN}")
    before = len(scene.letters)
    assert [one["verdict"] for one in scene.doctor("--notices")] == ["fine", "fine", "wrong"]
    assert scene.titles()[-1] == scene.letters[before]["Subject"] == "A trial of gpurun"
    assert scene.hook.titles("/others") == []

    scene.hook.statuses[:] = [403]
    refused, *_ = scene.doctor("--notices")
    assert refused["verdict"] == "wrong"
    assert refused["says"].startswith("JSON did not take it: Failed to send JSON POST notification")
    for server in scene.servers:
        log = (server.folder / "server.log").read_text()
        assert UNKNOWN in log
        assert SECRET not in log
