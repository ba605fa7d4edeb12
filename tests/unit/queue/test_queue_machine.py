"""The queue under everything at once: random submissions, cancellations, ends, crashes, outages and clocks.

A stateful property test over the real functions on a real database. After every step nothing may be contradictory; in
the end, when everything has come back, every run must have come to exactly one outcome and every device must be free.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from placements import GIB
from unit.queue.queue_laws import Laws
from unit.queue.queue_world import COMPLETED, FAILED, STOPPED, TAKEN, TIMED_OUT, PlayedAgent, Runner, a_world

from gpurun_jupyter.core.errors import NoSuchDevices, RunNotFound, WrongState
from gpurun_jupyter.core.events import End
from gpurun_server.queue.agents.leases import LOOK_S
from gpurun_server.queue.lifecycle.editing import Changes, edit, start
from gpurun_server.queue.lifecycle.stopping import cancel

picks = st.integers(0, 30)  # of a list, by the rest of a division
wishes = st.fixed_dictionaries(
    {
        "gpu": st.integers(0, 3),
        "gpu_mem": st.sampled_from([None, None, 10 * GIB, 25 * GIB]),
        "on": st.sampled_from([None, None, "there", "yonder"]),
        "priority": st.integers(-1, 1),
        "owner": st.sampled_from(["anna", "bo"]),
        "retries": st.sampled_from([0, 0, 1, 2]),
        "hold": st.sampled_from([False, False, False, True]),
        "after": st.sampled_from([[], [], [0], [0], [0, 1], [0, 1], [2]]),  # of those submitted, from the newest on
        "key": st.sampled_from([None, None, None, "k1", "k2"]),
    }
)
ends = st.sampled_from([COMPLETED, COMPLETED, FAILED, FAILED, TIMED_OUT, None])  # None: it is killed
_ROUNDS_TO_DRAIN = 200


class QueueMachine(RuleBasedStateMachine):
    """Three machines: one is the server's own. What is remote cannot speak while the server is away."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.context = a_world(Path(self.folder.name) / "home")
        self.world = self.context.__enter__()
        self.laws = Laws(self.world)
        self.server_is_there = True
        self.keys: dict[str, str] = {}
        self.submitted: list[str] = []
        self.owners: dict[str, str] = {}

    @initialize(gpus=st.integers(1, 3), first=st.lists(wishes, min_size=3, max_size=6))
    def begin_at(self, gpus: int, first: list[dict[str, Any]]) -> None:
        self.world.add_agent("there", gpus=2, slots=1)
        self.world.add_agent("yonder", gpus=1)
        self.world.add_agent("here", gpus=gpus, slots=1, local=True)
        for wish in first:
            self.submit(wish)
        self.everything_goes_on()

    # What people do

    @precondition(lambda self: self.server_is_there)
    @rule(wish=wishes)
    def submit(self, wish: dict[str, Any]) -> None:
        named = f"{wish['owner']} {wish['key']}"
        known = self.keys.get(named)
        mine = [run_id for run_id in self.submitted if self.owners[run_id] == wish["owner"]]
        before = [run_id for place, run_id in enumerate(reversed(mine)) if place in wish["after"]]
        try:
            run_id = self.world.submit(**wish | {"after": before})
        except (NoSuchDevices, WrongState):
            assert known is None
            return
        assert known in (None, run_id)
        if wish["key"] is not None:
            self.keys[named] = run_id
        if known is None:
            self.submitted.append(run_id)
            self.owners[run_id] = wish["owner"]

    @precondition(lambda self: self.server_is_there and self.submitted)
    @rule(pick=picks)
    def start(self, pick: int) -> None:
        run_id = self.submitted[pick % len(self.submitted)]
        on_hold = self.world.state(run_id) == "created"
        with self.laws.refused_unless(on_hold):
            self.world.change(start, run_id, by=self.owners[run_id])

    @precondition(lambda self: self.server_is_there and self.submitted)
    @rule(pick=picks, kill=st.booleans())
    def cancel(self, pick: int, kill: bool) -> None:
        run_id = self.submitted[pick % len(self.submitted)]
        with self.laws.refused_unless(self.world.state(run_id) != "finished"):
            self.world.change(cancel, run_id, by=self.owners[run_id], kill=kill)

    @precondition(lambda self: self.server_is_there and self.submitted)
    @rule(pick=picks)
    def somebody_else_tries(self, pick: int) -> None:
        run_id = self.submitted[pick % len(self.submitted)]
        for act in (cancel, start):
            with pytest.raises(RunNotFound):
                self.world.change(act, run_id, by="stranger")

    @precondition(lambda self: self.server_is_there and self.submitted)
    @rule(pick=picks, priority=st.integers(-2, 2))
    def edit_priority(self, pick: int, priority: int) -> None:
        run_id = self.submitted[pick % len(self.submitted)]
        with self.laws.refused_unless(self.world.state(run_id) in ("created", "queued")):
            self.world.change(edit, run_id, Changes(priority=priority), by=self.owners[run_id])

    # What agents do

    @rule(pick=picks, answer_lost=st.sampled_from([False, False, False, True]))
    def report(self, pick: int, answer_lost: bool) -> None:
        if self.heard(agent := self.agent(pick)):
            self.laws.heard(agent)
            self.world.report(agent, answer_lost=answer_lost)

    @rule(pick=picks)
    def a_report_is_undone(self, pick: int) -> None:
        if self.heard(agent := self.agent(pick)):
            self.world.report_undone(agent)

    @rule(strangers=st.sampled_from([False, False, False, True]))
    def everything_goes_on(self, strangers: bool = False) -> None:
        """Strangers: whatever would begin now finds its GPUs taken by somebody else."""
        self.everybody_reports()
        for pick in range(3):
            self.runners_begin(pick, strangers)
            self.take_in_logs(pick, times=1)

    def everybody_reports(self) -> None:
        for pick in range(3):
            self.report(pick, answer_lost=False)

    @precondition(lambda self: self.held())
    @rule(pick=picks, times=st.integers(1, 2))
    def take_in_logs(self, pick: int, times: int) -> None:
        if self.heard(agent := self.agent(pick)):
            for runner in list(agent.holding.values()) * times:
                self.world.ingest(agent, runner)

    @precondition(lambda self: any(runner.gone for runner in self.held()))
    @rule(pick=picks, twice=st.booleans())
    def tell_ends(self, pick: int, twice: bool) -> None:
        if self.heard(agent := self.agent(pick)):
            for runner in [runner for runner in agent.holding.values() if runner.gone] * (1 + twice):
                self.world.tell_end(agent, runner)

    @precondition(lambda self: self.held())
    @rule(pick=picks, machine_too=st.booleans())
    def agent_restarts(self, pick: int, machine_too: bool) -> None:
        agent = self.agent(pick)
        agent.holding.clear()
        for runner in agent.runners.values() if machine_too else ():
            if not runner.gone:
                runner.die()

    @rule(pick=picks, seen=st.booleans())
    def network_comes_and_goes(self, pick: int, seen: bool) -> None:
        agent = self.agent(pick)
        agent.seen = seen or agent.local

    # What runners do

    def runners_begin(self, pick: int, strangers: bool = False) -> None:
        agent = self.agent(pick)
        for runner in agent.holding.values():
            if not (runner.gone or runner.at_work):
                self.begin(agent, runner, strangers)

    @precondition(lambda self: self.at_work())
    @rule(pick=picks, end=ends)
    def a_runner_ends(self, pick: int, end: End | None) -> None:
        runner = self.at_work()[pick % len(self.at_work())]
        if end is None:
            runner.die()
        else:
            runner.end(STOPPED if runner.stop else end)

    @precondition(lambda self: any(runner.stop for runner in self.at_work()))
    @rule()
    def runners_obey(self) -> None:
        for runner in self.at_work():
            if runner.stop:
                runner.end(STOPPED)

    # What happens to machines, servers and clocks

    @rule(looks=st.sampled_from([1, 4, 6, 10]), silent=st.sampled_from(["", "there", "yonder", "there yonder"]))
    def time_passes(self, looks: int, silent: str) -> None:
        for _ in range(looks):
            self.world.clock.advance(LOOK_S)
            for pick, name in enumerate(self.world.agents):
                if name not in silent:
                    self.report(pick, answer_lost=False)
            if self.server_is_there:
                self.laws.judged(self.world.look)

    @rule(slept_s=st.sampled_from([0.0, 60.0, 1e6]), set_by_s=st.sampled_from([-1e6, -30.0, 0.0, 1e6]))
    def clocks_jump(self, slept_s: float, set_by_s: float) -> None:
        """The machine of the server is suspended, or its wall clock is set."""
        self.world.clock.advance(slept_s)
        self.world.clock.wall += set_by_s
        if self.server_is_there:
            self.laws.judged(self.world.look)

    @rule()
    def the_server_is_killed_or_comes_back(self) -> None:
        self.server_is_there = not self.server_is_there
        if self.server_is_there:
            self.world.new_judge()
            self.laws.new_judge()

    # What must hold

    @invariant()
    def nothing_is_contradictory(self) -> None:
        self.laws.check()

    def teardown(self) -> None:
        """Everything comes back and goes well from now on."""
        try:
            self.server_is_there = True
            for pick, agent in enumerate(self.world.agents.values()):
                agent.seen = True
                self.runners_begin(pick)
            for run_id in self.submitted:
                if self.world.state(run_id) == "created":
                    self.world.change(start, run_id, by=self.owners[run_id])
            self.drain()
            self.laws.check_end()
        finally:
            self.context.__exit__(None, None, None)
            self.folder.cleanup()

    def drain(self) -> None:
        for _ in range(_ROUNDS_TO_DRAIN):
            if all(self.world.state(run_id) == "finished" for run_id in self.submitted):
                return
            self.world.clock.advance(LOOK_S)
            self.everything_goes_on()
            self.laws.judged(self.world.look)
            for runner in self.at_work():
                runner.end(STOPPED if runner.stop else COMPLETED)
            for pick in range(3):
                self.tell_ends(pick, twice=False)
            self.laws.check()
        pytest.fail(f"starved: {[tuple(self.world.run(run_id)) for run_id in self.submitted]}")

    # Who is meant

    def agent(self, pick: int) -> PlayedAgent:
        agents = list(self.world.agents.values())
        return agents[pick % len(agents)]

    def heard(self, agent: PlayedAgent) -> bool:
        """The local agent speaks to the database itself."""
        return agent.local or (agent.seen and self.server_is_there)

    def held(self) -> list[Runner]:
        return [runner for agent in self.world.agents.values() for runner in agent.holding.values()]

    def at_work(self) -> list[Runner]:
        return [runner for agent in self.world.agents.values() for runner in agent.runners.values() if runner.at_work]

    def begin(self, agent: PlayedAgent, runner: Runner, strangers: bool) -> None:
        if any(strangers or agent.in_use(gpu) for gpu in runner.gpus):  # as by the machine-wide lock
            runner.end(TAKEN)
        else:
            runner.begin()


quick = settings(max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.timeout(600)  # making a failure small takes longer than finding it
class TestQueue(QueueMachine.TestCase):
    settings = quick


@pytest.mark.long
@pytest.mark.timeout(1200)
class TestQueueForLong(QueueMachine.TestCase):
    settings = settings(quick, max_examples=600, stateful_step_count=80)
