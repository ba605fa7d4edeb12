"""Notices of a real queue to a real webhook: told once by one of two servers, tried again, without secrets in logs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from receivers import Webhook
from servers import free_port, wait_until
from unit.queue.queue_world import COMPLETED, FAILED, TERMS, World, a_world

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.events import End
from gpurun_server.notices.entries import read
from gpurun_server.notices.notices import Notices
from gpurun_server.notices.sending import redacted
from gpurun_server.notices.watch import Watch
from gpurun_server.queue.upkeep.deletion import UNDO_S, delete, purge

LOG = logging.getLogger("of a server")
QUICK = {"look_s": 0.02, "pauses_s": (0.01, 0.02, 0.03)}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path / "home") as world:
        world.add_agent("there", slots=8)
        yield world


@pytest.fixture
def hook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.close()


class Servers:
    """Two that share a database, each with the same entries."""

    def __init__(self, world: World) -> None:
        self.world, self.watches = world, list[Watch]()

    def watch(self, *settings: dict[str, Any], twice: bool = True) -> list[Watch]:
        entries = [read(number, setting, "anna") for number, setting in enumerate(settings, 1)]
        databases = [self.world.database, self.world.agents_database][: 1 + twice]
        made = [Watch(one, entry, LOG, **QUICK) for one in databases for entry in entries]
        self.watches += made
        for watch in made:
            watch.start()
        wait_until(lambda: self.known() >= {watch.entry.digest for watch in made}, what="for them to begin")
        return made

    def known(self) -> set[str]:
        with self.world.database.read() as conn:
            return {row[0] for row in conn.exec_driver_sql("SELECT entry FROM notices")}

    def stop(self) -> None:
        for watch in self.watches:
            watch.stop()
            watch._thread.join(10)
        self.watches.clear()


@pytest.fixture
def servers(world: World) -> Iterator[Servers]:
    made = Servers(world)
    yield made
    made.stop()


def finished(world: World, end: End = COMPLETED, **fields: Any) -> str:
    run_id = world.submit(gpu=0, **fields)
    agent = world.agents["there"]
    runner = world.start(agent)
    world.clock.advance(102)
    runner.end(end)
    world.tell_end(agent, runner)
    world.report(agent)  # which has the agent's ledger up to date
    return run_id


def said_by_server(caplog: pytest.LogCaptureFixture) -> list[str]:
    """pytest listens to apprise's log, too, which nobody else does."""
    return [record.getMessage() for record in caplog.records if record.name == LOG.name]


def arrives(hook: Webhook, path: str, titles: list[str]) -> None:
    wait_until(lambda: hook.titles(path) == titles, what=f"for {titles}; there is {hook.arrived}")


def test_each_entry_is_told_once_what_it_asks_for(world: World, hook: Webhook, servers: Servers) -> None:
    finished(world, name="before")  # is no news
    servers.watch(
        {"url": hook.url("/all")},
        {"url": hook.url("/failed"), "on": ["failed"], "projects": ["digits"]},
        {"url": hook.url("/bert"), "owners": ["bert"]},
    )
    finished(world, name="good", project="digits")
    arrives(hook, "/all", ["Run good: succeeded"])
    finished(world, FAILED, name="other")
    arrives(hook, "/all", ["Run good: succeeded", "Run other: failed"])
    run_id = finished(world, FAILED, name="bad", project="digits")
    arrives(hook, "/failed", ["Run bad: failed"])
    assert hook.arrived["/failed"][0]["message"] == f"bad (digits, {run_id}): failed after 1:42. ValueError: no"
    finished(world, owner="bert", name="hers")
    arrives(hook, "/bert", ["Run hers: succeeded"])
    finished(world, name="last")  # whatever would have come twice has come before it
    arrives(
        hook, "/all", [f"Run {how}" for how in ("good: succeeded", "other: failed", "bad: failed", "last: succeeded")]
    )


def test_a_lost_agent_and_many_runs_at_once_are_one_notice(world: World, hook: Webhook, servers: Servers) -> None:
    servers.watch({"url": hook.url("/a"), "on": ["lost_agent"]}, twice=False)
    agent = world.add_agent("away", slots=12)
    ids = [world.submit(gpu=0, on="away", name=f"n{number}") for number in range(12)]
    world.report(agent)
    world.pass_s(TERMS.lost_s)
    arrives(hook, "/a", ["12 runs: 12 out of sight"])
    told = hook.arrived["/a"][0]["message"].splitlines()
    assert told[0] == f"n0 (default, {ids[0]}): out of sight. agent away has not been heard for {TERMS.lost_s:.0f} s"
    assert (len(told), told[-1]) == (11, "and 2 more")


def test_what_ends_while_no_server_is_there_is_told_later(world: World, hook: Webhook, servers: Servers) -> None:
    entry = {"url": hook.url("/a")}
    servers.watch(entry)
    finished(world, name="first")
    arrives(hook, "/a", ["Run first: succeeded"])
    servers.stop()
    for number in range(2):
        finished(world, name=f"n{number}")
    servers.watch(entry)
    arrives(hook, "/a", ["Run first: succeeded", "2 runs: 2 succeeded"])


def test_what_comes_after_the_newest_lines_were_deleted_is_told(world: World, hook: Webhook, servers: Servers) -> None:
    servers.watch({"url": hook.url("/a")})
    gone = finished(world, name="gone")
    arrives(hook, "/a", ["Run gone: succeeded"])
    world.change(delete, gone, by="anna")
    world.clock.advance(UNDO_S + 1)
    assert world.change(purge) == [gone]
    finished(world, name="new")
    arrives(hook, "/a", ["Run gone: succeeded", "Run new: succeeded"])


def test_a_failure_is_tried_again_and_said_once(
    world: World, hook: Webhook, servers: Servers, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "hunter2-in-the-path"
    (watch,) = servers.watch({"url": hook.url(f"/{secret}")}, twice=False)
    hook.statuses[:] = [500, 503, 404]
    finished(world, name="late")
    arrives(hook, f"/{secret}", ["Run late: succeeded"])
    assert watch.failure is None
    assert said_by_server(caplog) == []

    for name in ("lost-1", "lost-2"):  # four tries each
        hook.statuses[:] = [500] * 4
        finished(world, name=name)
        wait_until(lambda: not hook.statuses)
    finished(world, name="after")
    arrives(hook, f"/{secret}", ["Run late: succeeded", "Run after: succeeded"])
    (said,) = said_by_server(caplog)
    assert said.startswith("gpurun: a notice was given up after 4 tries. JSON did not take it: Failed to send JSON")
    assert "500" in said
    assert secret not in said
    assert not logging.getLogger("apprise").propagate


def test_a_service_that_hangs_holds_up_nobody(world: World, hook: Webhook, servers: Servers) -> None:
    held = threading.Event()
    (watch, _) = servers.watch({"url": hook.url("/hangs")}, {"url": hook.url("/quick")}, twice=False)
    watch.target.send = lambda *_: held.wait(20)  # type: ignore[method-assign]
    finished(world, name="one")
    arrives(hook, "/quick", ["Run one: succeeded"])
    finished(world, name="two")  # the queue goes on
    arrives(hook, "/quick", ["Run one: succeeded", "Run two: succeeded"])
    held.set()


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({}, "entry 1: Object missing required field `url`"),
        ({"url": "json://secret", "on": ["fail"]}, "Invalid enum value 'fail' - at `$.on[0]`"),
        ({"url": "json://secret", "when": []}, "unknown field `when`"),
        ("json://secret", "entry 1: Expected `object`, got `str`"),
    ],
)
def test_a_wrong_entry_is_named_without_its_url(setting: Any, says: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read(1, setting, "anna")
    assert says in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_missing_library_and_an_unknown_service_are_named(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = [{"url": "pigeon://top/secret"}, {"url": f"json://127.0.0.1:{free_port()}"}]
    notices = Notices(world.database, settings, "anna", LOG)
    assert len(notices.watches) == 1
    monkeypatch.setitem(__import__("sys").modules, "apprise", None)
    assert Notices(world.database, settings, "anna", LOG).watches == []
    unknown, *missing = said_by_server(caplog)
    assert "pigeon://... is not a URL that apprise knows" in unknown
    assert len(missing) == 2
    assert all("pip install 'gpurun-jupyter[notices]'" in line for line in missing)
    assert "secret" not in unknown


def test_one_entry_needs_no_list_and_a_url_is_no_entry(world: World, caplog: pytest.LogCaptureFixture) -> None:
    assert len(Notices(world.database, {"url": "json://127.0.0.1:9"}, "anna", LOG).watches) == 1
    assert Notices(world.database, "json://secret", "anna", LOG).watches == []
    (said,) = said_by_server(caplog)
    assert "entry 1: Expected `object`, got `str`" in said
    assert "secret" not in said


def test_reasons_are_cleaned_of_every_part_of_the_url() -> None:
    url = "slack://T1JJ3T3L2/A1BRTD4JD/TIia%40jkdn/#general"
    assert redacted("no T1JJ3T3L2/TIia@jkdn nor TIia%40jkdn", url) == "no ***/*** nor ***"
