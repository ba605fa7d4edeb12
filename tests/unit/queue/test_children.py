"""Children: what a run's own code logs to them in the run's log becomes runs with logs of their own."""

from __future__ import annotations

import itertools
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from unittest import mock

import pytest
from databases import empty_database
from unit.queue.queue_world import COMPLETED, FAILED, PlayedAgent, Runner, UndoneError, World, a_world

from gpurun_jupyter.core import events
from gpurun_jupyter.core.events import Child, End, Event
from gpurun_jupyter.core.lifecycle import Outcome, Reason
from gpurun_jupyter.core.runs import Run
from gpurun_server.queue.intake import stretches
from gpurun_server.queue.intake.ingest import ingest, ingest_long
from gpurun_server.queue.intake.logged_runs import NewRun, append, make, take_in
from gpurun_server.queue.lifecycle import accept
from gpurun_server.queue.lifecycle.stopping import cancel
from gpurun_server.queue.upkeep.deletion import delete, purge, remove_folders
from gpurun_server.reindex import reindexed
from gpurun_server.store.database import Writing
from gpurun_server.store.folders.records import read
from gpurun_server.store.queries import Filters, by_id, to_run
from gpurun_server.store.search.window import newest

START = events.Start(v=1, attempt=1, pid=0, devices=[])
FOLD, INNER = "fold2222", "inner222"


class Family:
    """A run at work, whose runner writes what its code logs to children."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.box: PlayedAgent = world.add_agent("box", slots=1, local=True)

    def parent(self, **fields: object) -> Runner:
        self.world.submit(gpu=0, name="search", project="digits", **fields)
        return self.world.start(self.box)

    def tell(self, runner: Runner, child: str, *happened: Event, parent: str | None = None, at: float = 0.0) -> None:
        for event in happened:
            t = at or time.time()
            name = f"called {child}" if isinstance(event, events.Start) else None
            runner.say(Child(run=child, event=event, name=name, parent=parent, t=t, m=t - 1_700_000_000))  # type: ignore[arg-type]

    def ingest(self, runner: Runner) -> None:
        while self.world.ingest(self.box, runner):
            pass

    def run(self, run_id: str) -> Run:
        return to_run(self.world.run(run_id))

    def there(self) -> set[str]:
        return {path.name for path in self.world.home.runs.iterdir()}

    def log(self, run_id: str) -> bytes:
        return self.world.home.attempt(run_id, 1).events.read_bytes()

    def happened(self, run_id: str) -> list[events.AnyEvent | None]:
        return [*map(events.event_on, self.log(run_id).splitlines())]

    def lose(self) -> None:
        """Lose the database, and build it again."""
        world = self.world
        world.database.close()
        world.agents_database.close()
        for path in world.home.path.glob("gpurun.db*"):
            path.unlink()
        world.database = empty_database(world.home)
        said = [*reindexed(world.home)]
        assert not [sentence for sentence in said if "left out" in sentence]
        assert any("; 0 were there already" in sentence for sentence in said)
        for ledger in world.ledgers.values():
            ledger.forget()


@pytest.fixture
def family(tmp_path: Path) -> Iterator[Family]:
    ids = (f"parent{number:02}" for number in itertools.count())
    with a_world(tmp_path / "home") as world, mock.patch.object(accept, "new_run_id", ids.__next__):
        yield Family(world)


def metric(value: float, step: int = 0) -> events.Metric:
    return events.Metric(values={"loss": value}, step=step)


def steps(family: Family, run_id: str) -> list[float | None]:
    return [event.step for event in family.happened(run_id) if isinstance(event, events.Metric)]


def test_children_have_logs_of_their_own(family: Family) -> None:
    runner = family.parent()
    family.tell(runner, FOLD, START, metric(0.5, 1), events.Parameters(values={"lr": 0.1}))
    family.tell(runner, INNER, START, metric(0.25, 1), parent=FOLD)
    family.tell(runner, "nostart2", metric(0.125, 1))
    runner.say(metric(9))
    family.ingest(runner)
    fold, inner, third = map(family.run, (FOLD, INNER, "nostart2"))
    assert (fold.name, fold.project, fold.owner, fold.kind) == ("called fold2222", "digits", "anna", "logged")
    assert (fold.state, fold.parent, inner.parent, third.parent) == ("running", "parent00", FOLD, "parent00")
    assert (fold.metrics["loss"].last, inner.metrics["loss"].last, third.metrics["loss"].last) == (0.5, 0.25, 0.125)
    assert third.name == "nostart2"
    assert family.run("parent00").metrics["loss"].last == 9
    assert read(family.world.home.run(INNER)).spec.parent == FOLD
    assert [type(event) for event in family.happened("nostart2")] == [events.Start, events.Metric, events.Meta]
    family.world.clock.advance(5)
    family.tell(runner, FOLD, metric(0.4, 2), events.Meta(values={"note": "x"}), END_OK)
    family.ingest(runner)
    fold = family.run(FOLD)
    assert (fold.outcome, fold.meta["note"], fold.elapsed_s) == ("succeeded", "x", 5)
    assert [(event.t, event.m) for event in family.happened(FOLD) if isinstance(event, events.Metric)] == [
        (1_700_000_000, 0),
        (1_700_000_005, 5),
    ]
    with family.world.database.read() as conn:
        assert [row.id for row in newest(conn, "anna", Filters(parent="parent00"), 9)] == ["nostart2", FOLD]
        assert [row.id for row in newest(conn, "anna", Filters(where=f"parent = {FOLD}"), 9)] == [INNER]


END_OK = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)


@pytest.mark.parametrize("killed", [False, True])
def test_what_was_undone_is_taken_once(family: Family, killed: bool) -> None:
    runner = family.parent()
    family.tell(runner, FOLD, START, metric(1, 1))
    family.ingest(runner)
    family.tell(runner, FOLD, metric(2, 2))
    family.tell(runner, INNER, START, metric(1, 1))

    def fail(writing: Writing) -> None:
        ingest(writing, "parent00", 1, runner.folder.events, "its agent")
        if killed:  # who is killed undoes nothing
            writing.if_undone.clear()
        raise UndoneError

    with suppress(UndoneError):
        family.world.change(fail)
    assert steps(family, FOLD) == [1, 2]
    assert (INNER in family.there()) is killed
    family.tell(runner, FOLD, metric(3, 3))  # the next time there is more
    family.tell(runner, INNER, metric(2, 2))
    family.ingest(runner)
    assert (steps(family, FOLD), steps(family, INNER)) == ([1, 2, 3], [1, 2])
    assert family.run(FOLD).metrics["loss"].last == 3
    assert family.run(INNER).parent == "parent00"
    assert family.run(INNER).metrics["loss"].last == 2


@pytest.mark.parametrize("earlier", [False, True], ids=["parent first", "child first"])
@pytest.mark.parametrize("taken", [False, True])
def test_both_logs_are_read_anew(family: Family, earlier: bool, taken: bool) -> None:
    runner = family.parent()
    at = time.time() + (-100 if earlier else 100)  # by the clock of its machine
    family.tell(runner, FOLD, START, metric(1, 1), at=at)
    family.tell(runner, INNER, START, metric(1, 1), parent=FOLD, at=at)
    family.ingest(runner)
    append(family.world.home, FOLD, [metric(1.5, 15)])  # a client from outside has its word between
    family.tell(runner, FOLD, metric(2, 2), at=at)
    family.tell(runner, "late2222", START, metric(1, 1), at=at)
    runner.say(COMPLETED)
    if taken:
        family.ingest(runner)
    family.lose()
    assert steps(family, FOLD) == [1, 15, 2]
    assert [family.run(one).outcome for one in ("parent00", FOLD, INNER, "late2222")] == ["succeeded"] * 4
    assert [family.run(one).metrics["loss"].last for one in (FOLD, INNER, "late2222")] == [2, 1, 1]
    assert [family.run(one).parent for one in (FOLD, INNER, "late2222")] == ["parent00", FOLD, "parent00"]
    before = {run_id: family.log(run_id) for run_id in (FOLD, INNER, "late2222")}
    family.lose()
    assert {run_id: family.log(run_id) for run_id in before} == before


def test_a_run_that_is_no_child_is_left_alone(family: Family) -> None:
    world, runner = family.world, family.parent()
    others = {"bertas22": ("berta", None), "annas222": ("anna", None), "claims22": ("berta", "parent00")}
    for run_id, (owner, parent) in others.items():
        new = NewRun(id=run_id, name="other", project="p", owner=owner, parent=parent, began_at=time.time())
        world.change(make, world.home, new, by=owner)
        append(world.home, run_id, [START])
    world.submit(gpu=0)
    before = {run_id: family.log(run_id) for run_id in others}
    for run_id in (*others, "parent00", "parent01"):
        family.tell(runner, run_id, metric(1), END_OK)
    family.tell(runner, FOLD, START, metric(1), parent="bertas22")
    family.ingest(runner)
    assert {run_id: family.log(run_id) for run_id in before} == before
    assert [world.state(run_id) for run_id in (*others, "parent00", "parent01")] == [*["running"] * 4, "queued"]
    assert family.run(FOLD).parent == "parent00"
    # nor one of which there is only a folder, such as somebody has deleted a moment ago
    with world.database.write() as writing:
        cancel(writing, "bertas22", by="berta")
        delete(writing, "bertas22", by="berta")
        purge(writing, undo_s=0)
    family.tell(runner, "bertas22", metric(2))
    family.ingest(runner)
    with world.database.read() as conn:
        assert by_id(conn, "bertas22") is None


def cancelled(world: World, runner: Runner) -> None:
    world.change(cancel, runner.grant.run_id, by="anna")
    runner.end(End(outcome=Outcome.CANCELLED, reason=Reason.CANCELLED_BY, message="stopped by anna"))
    world.tell_end(world.agents["box"], runner)


def ended(end: End) -> Callable[[World, Runner], None]:
    def act(world: World, runner: Runner) -> None:
        runner.end(end)
        world.tell_end(world.agents["box"], runner)

    return act


def killed(world: World, runner: Runner) -> None:
    runner.die()
    world.tell_end(world.agents["box"], runner)


@pytest.mark.parametrize(
    ("over", "outcome"),
    [(ended(COMPLETED), "succeeded"), (ended(FAILED), "failed"), (killed, "failed"), (cancelled, "cancelled")],
)
def test_children_end_with_their_parent(family: Family, over: Callable[[World, Runner], None], outcome: str) -> None:
    runner = family.parent()
    family.tell(runner, FOLD, START, metric(1))
    family.tell(runner, INNER, START, parent=FOLD)
    family.tell(runner, "done2222", START, End(outcome=Outcome.FAILED, reason=Reason.EXCEPTION))
    family.world.clock.advance(10)
    over(family.world, runner)
    assert [family.run(one).outcome for one in ("parent00", FOLD, INNER)] == [outcome] * 3
    assert family.run("done2222").outcome == "failed"
    ends = [family.run(FOLD), family.run(INNER)]
    assert ends[0].finished_at == family.run("parent00").finished_at
    for one in ends:
        family.world.change(take_in, family.world.home, one.id)
    assert [family.run(FOLD), family.run(INNER)] == ends
    family.lose()
    assert [family.run(one.id).outcome for one in ends] == [outcome] * 2


def test_another_attempt_has_children_of_its_own(family: Family) -> None:
    runner = family.parent(retries=1)
    family.tell(runner, FOLD, START, metric(1, 1))
    killed(family.world, runner)
    assert (family.run("parent00").state, family.run(FOLD).outcome) == ("queued", "failed")
    assert "runner_killed" in family.run(FOLD).message
    again = family.world.start(family.box)
    family.tell(again, "again222", START, metric(1, 1))
    family.tell(again, FOLD, START, metric(2, 2))  # it may go on with one of those before
    ended(COMPLETED)(family.world, again)
    assert [family.run(one).outcome for one in ("parent00", FOLD, "again222")] == ["succeeded"] * 3
    assert steps(family, FOLD) == [1, 2]
    family.lose()
    assert steps(family, FOLD) == [1, 2]
    assert family.run("again222").parent == "parent00"


def test_what_was_deleted_does_not_come_back(family: Family) -> None:
    runner = family.parent()
    for child in (FOLD, INNER):
        family.tell(runner, child, START, metric(1), END_OK)
    family.ingest(runner)
    with family.world.database.write() as writing:
        delete(writing, FOLD, by="anna")
        gone = purge(writing, undo_s=0)
    remove_folders(family.world.home, gone)
    family.tell(runner, "late2222", START, metric(1))  # what was never taken in does
    runner.say(COMPLETED)
    family.lose()
    assert family.there() == {"parent00", INNER, "late2222"}
    assert family.run("late2222").outcome == "succeeded"


def test_a_folder_that_the_run_has_spoilt_costs_nobody_else_anything(family: Family) -> None:
    runner = family.parent()
    for child in (FOLD, INNER):
        family.tell(runner, child, START)
    family.ingest(runner)
    shutil.rmtree(family.world.home.run(FOLD).path)
    (family.world.home.attempt(INNER, 1).events).unlink()
    family.world.home.attempt(INNER, 1).events.mkdir()
    for child in (FOLD, INNER, "other222"):
        family.tell(runner, child, metric(1))
    runner.say(metric(2))
    ended(COMPLETED)(family.world, runner)
    assert [family.run(one).outcome for one in ("parent00", FOLD, INNER, "other222")] == ["succeeded"] * 4
    assert family.run("parent00").metrics["loss"].last == 2


def test_many_children_come_in_turns(family: Family) -> None:
    runner = family.parent()
    ids = [f"child{number:03}" for number in range(250)]
    for child in ids:
        family.tell(runner, child, START, metric(1, 1))
    for child in ids:
        family.tell(runner, child, metric(2, 2))
    turns = 0
    while family.world.ingest(family.box, runner):
        turns += 1
    assert turns > 2 * len(ids) / 30  # each child is told of twice
    assert {family.run(child).metrics["loss"].last for child in ids} == {2}


def test_a_run_with_children_is_taken_in_before_its_end(family: Family) -> None:
    runner = family.parent()
    family.tell(runner, FOLD, START, metric(1, 1))
    family.ingest(runner)
    family.tell(runner, FOLD, metric(2, 2))
    ingest_long(family.world.database, "parent00", 1, runner.folder.events, "its agent")
    assert family.run(FOLD).metrics["loss"].last == 2


def test_damage_among_them_is_passed_over(family: Family) -> None:
    runner = family.parent()
    family.tell(runner, FOLD, START, metric(1, 1))
    with runner.folder.events.open("ab") as log:
        log.write(b'{"kind":"child","run":"../../x1","event":{"kind":"metric","values":{"a":1}}}\n')
        log.write(b'{"kind":"child","run":"fold2222","event":{"kind":"output","stream":"stdout","text":"no"}}\n')
        log.write(b'{"kind":"child","run":"bad22222","name":"a/b","event":{"kind":"metric","values":{"a":1}}}\n')
    family.tell(runner, FOLD, metric(2, 2))
    family.ingest(runner)
    assert family.there() == {"parent00", FOLD}
    assert steps(family, FOLD) == [1, 2]
    assert family.world.messages("parent00") == [stretches.DAMAGE]
