"""Whatever a run has written into its log: it is taken in and read to its end, and the run is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from damage import logs
from hypothesis import HealthCheck, given, settings
from unit.queue.queue_world import FAILED, World, a_world

from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.events import START_OF_LOG, Metric, Start, encode_line, event_on, sound_part
from gpurun_jupyter.core.grants import Ended
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.lifecycle import Reason
from gpurun_server.queue.agents.syncing import sync
from gpurun_server.queue.intake import ingest as ingesting
from gpurun_server.queue.intake.saved_models import model_at
from gpurun_server.queue.intake.stretches import DAMAGE
from gpurun_server.queue.ledger.ledger import Ledger
from gpurun_server.queue.listing import newest, run_of
from gpurun_server.store.content.blobs import Blobs
from gpurun_server.store.folders import columns
from gpurun_server.store.folders.logs import printed_text
from gpurun_server.store.folders.printed import find_lines, some_lines
from gpurun_server.store.folders.retention import take_files, thin_logs, weight
from gpurun_server.store.queries import encode
from gpurun_server.stream.frames import before_frame, events_frame, run_frame
from gpurun_server.stream.tail import Tail, before, last_lines

START = encode_line(Start(v=1, attempt=1, pid=1, devices=[]))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path / "home") as world:
        world.add_agent("box", slots=1, local=True)
        yield world


def begun(world: World, run_id: str, data: bytes) -> AttemptFolder:
    """An attempt of which this is the log."""
    box = world.agents["box"]
    world.report(box)
    folder = box.runners[f"{run_id}/1"].folder
    folder.path.mkdir(parents=True, exist_ok=True)
    folder.events.write_bytes(START + data)
    return folder


def over(world: World, run_id: str) -> None:
    """What the agent says when its runner is gone."""
    box = world.agents["box"]
    box.holding.pop(f"{run_id}/1")
    report = box.report()
    report.ended = [Ended(run_id, 1, FAILED)]
    world.told(box, sync, world.home, world.ledgers[True], report)


def read_all(world: World, run_id: str, folder: AttemptFolder) -> None:
    """Everything that anybody does with a log, and what is sent to a browser."""
    tail = Tail(world.home, run_id, START_OF_LOG)
    while lines := tail.read():
        for event in json.loads(events_frame(run_id, tail.cursor, lines))["events"]:
            assert isinstance(event["kind"], str)
    for count in (1, 5, 1000):
        place = last_lines(world.home, run_id, count)
        json.loads(before_frame(run_id, place, before(world.home, run_id, place)))
    "".join(printed_text(Tail(world.home, run_id, START_OF_LOG)))
    find_lines(Tail(world.home, run_id, START_OF_LOG), "e", 10)
    some_lines(Tail(world.home, run_id, START_OF_LOG), 1, 3)
    measured = columns.measured(folder)
    for column in measured.metrics.values():
        columns.thinned(column.value, 3)
    for offset in (0, 7, folder.events.stat().st_size):
        with suppress(GpurunError):
            model_at(folder.events, offset, Blobs(world.home))
    weight(world.home.run(run_id))


def is_shown(world: World, run_id: str) -> None:
    """As lists and pages show it."""
    with world.database.read() as conn:
        json.loads(encode(newest(conn, Ledger(), "anna", 100)))
        json.loads(run_frame(run_of(conn, Ledger(), run_id, "anna")))


@pytest.mark.parametrize("examples", [100, pytest.param(2000, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])
def test_no_log_stops_anything(world: World, examples: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(logs(), logs())
    def hold(first: bytes, rest: bytes) -> None:
        run_id = world.submit()
        folder = begun(world, run_id, first)
        box = world.agents["box"]
        world.ingest(box, box.runners[f"{run_id}/1"])
        is_shown(world, run_id)
        with folder.events.open("ab") as log:
            log.write(rest)
        read_all(world, run_id, folder)
        over(world, run_id)
        assert world.state(run_id) == "finished", world.messages(run_id)
        assert "could not be taken in" not in world.run(run_id).message
        is_shown(world, run_id)
        take_files(world.home.run(run_id))
        thin_logs(world.home.run(run_id))
        read_all(world, run_id, folder)

    hold()


def test_damage_is_said_once(world: World) -> None:
    run_id = world.submit()
    good = encode_line(Metric(values={"loss": 0.5}))
    folder = begun(world, run_id, b"broken\n" + good + b"broken\n")
    box = world.agents["box"]
    runner = box.runners[f"{run_id}/1"]
    while world.ingest(box, runner):
        pass
    with folder.events.open("ab") as log:
        log.write(b'{"kind":"novel"}\n')
    while world.ingest(box, runner):
        pass
    assert [message for message in world.messages(run_id) if "passed over" in message] == [DAMAGE]
    assert "0.5" in world.run(run_id).metrics_json


def test_an_event_after_half_a_line_is_found() -> None:
    whole = encode_line(Metric(values={"loss": 0.5}))[:-1]
    for half in (b'{"kind":"output","stream":"std', bytes(9), b"broken"):
        assert event_on(half + whole) is None
        assert sound_part(half + whole) == whole
    assert sound_part(b'{"kind":"output"' + bytes(9)) is None


def test_a_log_that_cannot_be_taken_in_ends_its_run_and_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    first = world.submit()
    begun(world, first, encode_line(Metric(values={"loss": 0.5})))

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of ours")

    monkeypatch.setattr(ingesting, "keep", fail)
    over(world, first)
    monkeypatch.undo()
    assert (world.state(first), world.run(first).reason) == ("finished", Reason.DAMAGED.value)
    assert "ZeroDivisionError" in world.run(first).message
    second = world.submit()
    begun(world, second, b"")
    over(world, second)
    assert world.run(second).reason == FAILED.reason.value


def test_a_long_log_of_a_run_that_is_gone_is_nobodys_trouble(world: World, tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(encode_line(Metric(values={"loss": 0.5})) * 100_000)
    ingesting.ingest_long(world.database, "nowhere", 1, path, "its agent")
