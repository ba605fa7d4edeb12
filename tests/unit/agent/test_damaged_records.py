"""Whatever stands in the place of a record that a run can reach: who reads it goes on."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from damage import at_the_edge, damaged
from databases import empty_database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpurun_jupyter.agent import runner_control
from gpurun_jupyter.agent.remote.connection import ServerConnection
from gpurun_jupyter.agent.remote.final_upload import FinalUpload
from gpurun_jupyter.agent.remote.sync_status import _was_here
from gpurun_jupyter.agent.runner.session_folder import Record
from gpurun_jupyter.agent.runner.stopping import Stopping
from gpurun_jupyter.agent.runner.variables import _answer
from gpurun_jupyter.agent.warm.sessions import Sessions
from gpurun_jupyter.core.environments import Interpreter, Recorded
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.events import End
from gpurun_jupyter.core.grants import Grant, Stop
from gpurun_jupyter.core.home import AttemptFolder, Home, write_json
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.system.processes import Identity
from gpurun_jupyter.core.values import Answer, Output
from gpurun_server.queue.intake.rebuilding import take_up
from gpurun_server.store.comparing.environments import environment_of
from gpurun_server.store.folders.columns import measured
from gpurun_server.store.folders.files import files_of
from gpurun_server.store.folders.records import RunRecord, read

GRANT = Grant(run_id="r1", name="r1", project="p", attempt=1, token="t", devices=[], spec=RunSpec(code="1"))
GONE = Identity(pid=2**22 + 1, created=1.0, boot="another")
RECORDS: dict[str, object] = {
    "grant.json": GRANT,
    "stop.json": Stop("r1", 1, by="anna"),
    "exit.json": End(outcome=Outcome.FAILED, reason=Reason.DEVICES_TAKEN, message="gpu0 is taken"),
    "runner.json": GONE,
    "environment.json": Recorded(interpreter="ab" * 32, platform="Linux", host="box"),
    "inputs.json": Answer(),
    "outputs.json": Answer(outputs={"x": Output(file="0", digest="ab" * 32, size_bytes=1, type="int")}),
    "columns": [1, 2],
}


def make_folder(home: Home) -> AttemptFolder:
    shutil.rmtree(home.runs, ignore_errors=True)
    folder = home.attempt("r1", 1)
    folder.work.mkdir(parents=True)
    for name, record in RECORDS.items():
        write_json(folder.path / name, record)
    spec = RunSpec(code="1", after=[], retries=1)
    run = RunRecord(id="r1", name="r1", project="p", owner="anna", gpu=0, created_at=1.0, spec=spec)
    write_json(home.run("r1").record, run)
    folder.events.write_bytes(b'{"kind":"start","v":1,"attempt":1,"pid":1,"devices":[]}\n')
    session = home.session("anna", "warm")
    session.path.mkdir(parents=True, exist_ok=True)
    write_json(session.record, Record(holder=GONE, owner="anna", name="warm", kernel=None, devices=[]))
    home.environments.mkdir(exist_ok=True)
    write_json(home.environment("ab" * 32), Interpreter("3.11", "python", {"numpy": "2"}))
    return folder


def places(home: Home) -> list[Path]:
    """Every file that is read as a record."""
    folder = home.attempt("r1", 1)
    session, run = home.session("anna", "warm"), home.run("r1")
    records = [folder.path / name for name in (*RECORDS, "events.jsonl", "lock", "work", "checkpoints", "outputs")]
    return [*records, session.record, session.orders, run.record, home.environment("ab" * 32), run.path / "attempts/2x"]


class Cut:
    """No way to the server."""

    async def send(self, *_: Any, **__: Any) -> None:
        raise ConnectionError


def read_everything(home: Home) -> None:
    """As agent, runner and server do."""
    folder = home.attempt("r1", 1)
    runner_control.living_runner(folder)
    runner_control.runner_to_tell(folder, GONE)
    runner_control.exit_record(folder)
    runner_control.without_a_word(folder)
    Sessions(home, 0.0).states({})
    Stopping(folder, GRANT)._read_stop()
    _answer(folder.outputs_answer)
    _was_here(home, "r1")
    with suppress(ConnectionError):
        asyncio.run(FinalUpload(cast(ServerConnection, Cut()), folder, GRANT).send())
    environment_of(home, folder)
    measured(folder)
    files_of(folder)
    home.run("r1").logged_after(0)
    with suppress(OSError):  # a folder in the place of a record cannot be unlinked: that ends this attempt
        runner_control.may_start(folder, GRANT)
    runner_control.ask_to_stop(folder, Stop("r1", 1, by="anna"))


def take_up_again(home: Home) -> None:
    """As `gpurun reindex` does, which leaves a run out whose own record cannot be read."""
    for path in home.path.glob("gpurun.db*"):
        path.unlink()
    database = empty_database(home)
    try:
        with suppress(GpurunError, OSError, ValueError, OverflowError), database.write() as writing:
            take_up(writing, home, read(home.run("r1")))
    finally:
        database.close()


def bound(path: Path) -> None:
    short = path.parent / "s"
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("s")
    short.rename(path)


KINDS: dict[str, Callable[[Path], object]] = {
    "nothing": lambda path: None,
    "a folder": lambda path: path.mkdir(),
    "a full folder": lambda path: (path / "x").mkdir(parents=True),
    "a FIFO": os.mkfifo,
    "a link to itself": lambda path: path.symlink_to(path),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link out": lambda path: path.symlink_to("/"),
    "a socket": bound,
    "holes": lambda path: (path.touch(), os.truncate(path, 2**36)),
}


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_no_record(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "home")
    home.create()
    make_folder(home)
    for path in places(home):
        make_folder(home)
        remove(path)
        KINDS[kind](path)
        take_up_again(home)
        read_everything(home)
        remove(path)


@pytest.mark.parametrize("examples", [150, pytest.param(2000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
def test_no_bytes_in_a_record_stop_anything(tmp_path: Path, examples: int) -> None:
    home = Home(tmp_path / "home")
    home.create()
    make_folder(home)
    found = [path for path in places(home) if path.is_file()]

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def hold(data: st.DataObject) -> None:
        make_folder(home)
        path = data.draw(st.sampled_from(found))
        content = path.read_bytes()
        is_object = path.suffix == ".json" and isinstance(msgspec.json.decode(content), dict)
        path.write_bytes(
            data.draw(at_the_edge(content) if is_object and data.draw(st.booleans()) else damaged(content))
        )
        take_up_again(home)
        read_everything(home)

    hold()
