"""A fault while a run is shown ends the watch of that run, with a frame that says so, and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from unit.queue.queue_world import World, a_world

from gpurun_jupyter.core.home import Home
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.stream import connection as connections
from gpurun_server.stream.connection import LiveConnection
from gpurun_server.stream.tail import Tail
from gpurun_server.stream.wishes import Watch


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path / "home") as world:
        yield world


def test_a_fault_ends_its_own_watch_only(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, whole = world.submit(), world.submit()
    read = Tail.read

    def fail(tail: Tail) -> list[bytes]:
        if tail._run_id == broken:
            raise OSError("an error of the disk")
        return read(tail)

    monkeypatch.setattr(Tail, "read", fail)

    async def told() -> list[dict[str, Any]]:
        connection = LiveConnection(world.home, world.database, Ledger(), "anna", lambda _: None)
        for run_id in (broken, whole):
            connection.watch(Watch(watch="run", run=run_id))
        frames = connection.frames()
        return [json.loads(await asyncio.wait_for(anext(frames), 5)) for _ in range(2)]

    kinds = {frame["type"]: frame for frame in asyncio.run(told())}
    assert kinds["error"]["run"] == broken
    assert kinds["run"]["run"]["id"] == whole


@pytest.mark.parametrize("cursor", ["1:0", "tail:10"])
def test_a_fault_while_a_watch_begins_does_not_end_the_connection(
    world: World, monkeypatch: pytest.MonkeyPatch, cursor: str
) -> None:
    broken, whole = world.submit(), world.submit()

    def failing(look: Callable[..., Any]) -> Callable[..., Any]:
        def look_or_fail(home: Home, run_id: str, *rest: Any) -> Any:
            if run_id == broken:
                raise OSError("an error of the disk")
            return look(home, run_id, *rest)

        return look_or_fail

    for name in ("place_in_log", "last_lines"):
        monkeypatch.setattr(connections, name, failing(getattr(connections, name)))

    async def told() -> list[dict[str, Any]]:
        connection = LiveConnection(world.home, world.database, Ledger(), "anna", lambda _: None)
        for run_id in (broken, whole):
            connection.receive(json.dumps({"watch": "run", "run": run_id, "cursor": cursor}))
        frames = connection.frames()
        return [json.loads(await asyncio.wait_for(anext(frames), 5)) for _ in range(2)]

    kinds = {frame["type"]: frame for frame in asyncio.run(told())}
    assert kinds["error"]["run"] == broken
    assert kinds["run"]["run"]["id"] == whole
