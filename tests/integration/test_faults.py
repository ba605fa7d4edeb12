"""Faults of gpurun's own, raised wherever it is at work on a run: that run ends, and nothing else is the worse for it.

They are injected into real agents, runners and holders from outside (`faults.py`). Each place is hit while a run is
carried out; then it has to have ended with a reason and a sentence, its device is free for the next run, a session goes
on with its variables, and the agent is the same process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle, product
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest
from faults import Faults
from machines import Machine
from servers import TOKEN, JupyterServer, end_session, session_of, wait_until

from gpurun_jupyter import Client
from gpurun_jupyter.agent.processes.marked import of_attempt
from gpurun_jupyter.core.home import Home

#: It prints, is quiet for longer than the decoder waits, reports; and goes on until it is ended.
LASTING = """
import time
from gpurun_jupyter import report
while True:
    print("line", flush=True)
    report.log(loss=1)
    time.sleep(0.15)
"""
SHORT = "print('line', flush=True)"
NOT_TOO_SHORT = f"import time; {SHORT}; print('left', file=open('left.txt', 'w')); time.sleep(0.4)"
ERRORS = ("RuntimeError", "MemoryError", "UnicodeError", "OSError", "KeyError")
PACKAGE = "gpurun_jupyter"
OK, OURS = ("succeeded", "completed"), ("failed", "internal_error")
CANCELLED = ("cancelled", "cancelled_by")
NEVER_BEGUN = ("failed", "start_failed")  # an OSError there is one of the disk
IN_KERNEL = ("cell", "spec", "session", "notebook")
ALL = (*IN_KERNEL, "directory")


@dataclass(frozen=True)
class Place:
    """Where something is raised, and what that means."""

    name: str
    kinds: tuple[str, ...] = ("cell",)
    code: str = LASTING
    calls: tuple[int, ...] = (1,)
    ends: tuple[tuple[str, str], ...] = (OURS,)
    fields: dict[str, Any] = field(default_factory=dict)
    stop: bool = False  # it is cancelled once it runs
    logs: bool = True  # its log can still be written to
    process: str = "runner"


RUNNER = "agent.runner."
PLACES = [
    Place("progress.decoder:Decoder.feed", ALL, calls=(1, 3)),
    Place("progress.decoder:Decoder.idle", ALL, calls=(1, 3)),
    Place("progress.decoder:Decoder.flush", ALL, SHORT),
    Place(f"{RUNNER}event_log:EventLog.__init__", ("cell", "session", "directory"), logs=False),
    Place(f"{RUNNER}event_log:EventLog.write", ALL, calls=(1, 4)),
    Place(f"{RUNNER}event_log:EventLog._append", ALL, calls=(1, 4)),
    Place(f"{RUNNER}event_log:EventLog.flush", ALL, SHORT),
    Place(f"{RUNNER}event_log:EventLog.settle", ("cell", "session", "directory"), SHORT),
    Place(f"{RUNNER}event_log:EventLog.close", ("cell", "session", "directory"), SHORT, ends=(OK,), logs=False),
    Place(f"{RUNNER}masking:Masking.event", ALL, calls=(1, 4)),
    Place(f"{RUNNER}masking:Masking.text", ALL, SHORT, logs=False),
    Place(f"{RUNNER}masking:MaskedStream.feed", ("cell", "directory"), fields={"secrets": {"A_TOKEN": "hidden-5cd1"}}),
    Place(f"{RUNNER}output:OutputSink._say_what_waits", ALL, calls=(1, 3)),
    Place(f"{RUNNER}output:OutputSink.close", ALL, SHORT),
    Place(f"{RUNNER}output:OutputSink.text", ALL, calls=(1, 3)),
    Place(f"{RUNNER}kernel_run:KernelRun._listen", IN_KERNEL, calls=(1, 5)),
    Place("agent.kernels.shown:Shown.take", IN_KERNEL),
    Place(f"{RUNNER}output:_take_reports", ALL, calls=(1, 3)),
    Place(f"{RUNNER}output:reports_into", ("cell", "session", "directory")),
    Place(f"{RUNNER}process_run:ProcessRun._read", ("directory",), calls=(1, 3)),
    Place(f"{RUNNER}process_run:ProcessRun._read_rest", ("directory",), SHORT),
    Place(f"{RUNNER}process_run:ProcessRun._start", ("directory",), ends=(OURS, NEVER_BEGUN)),
    Place(f"{RUNNER}samples:Samples._taken", ALL),
    Place(f"{RUNNER}in_thread:InThread._pass_on", ("cell", "session", "directory")),
    Place(f"{RUNNER}logged_files:LoggedFiles._look", ("cell", "session", "directory")),
    Place("agent.processes.descendants:reap", ("cell", "session", "directory")),
    Place(f"{RUNNER}workspace:lay_out", ALL, ends=(OURS, NEVER_BEGUN)),
    Place(f"{RUNNER}copies:lay_out", ("directory",), ends=(OURS, NEVER_BEGUN)),
    Place(f"{RUNNER}variables:Variables.bringing_in", IN_KERNEL, ends=(OURS, NEVER_BEGUN)),
    Place(f"{RUNNER}variables:Variables.taking_out", IN_KERNEL, SHORT),
    Place(f"{RUNNER}variables:Variables.taken_out", IN_KERNEL, SHORT),
    Place(f"{RUNNER}stopping:Stopping.ended", ("cell", "session", "directory"), ends=(OURS, NEVER_BEGUN)),
    Place(f"{RUNNER}stopping:Stopping._end_when_asked", ALL),
    Place(f"{RUNNER}stopping:Stopping._watch_clock", ("cell", "session", "directory")),
    Place(f"{RUNNER}stopping:Stopping._read_stop", ("cell", "session", "directory"), stop=True, ends=(OURS, CANCELLED)),
    Place(f"{RUNNER}stopping:Stopping._interrupt", ("cell", "session"), stop=True, ends=(OURS, CANCELLED), logs=False),
    Place(f"{RUNNER}stopping:Stopping.verdict", ALL, SHORT, logs=False),
    Place(f"{RUNNER}attempt:_carried_out", ("cell", "session", "directory")),
    Place(f"{RUNNER}attempt:_taken", ALL, logs=False),
    Place(f"{RUNNER}attempt:_leave_word", ALL, SHORT, ends=(OURS, OK), logs=False),
    Place(f"{RUNNER}reasons:judged", ALL, SHORT),
    Place("agent.processes.marked:kill_left_behind", ("cell", "directory"), SHORT),
    Place("core.home:write_json", ("cell", "session", "directory"), SHORT, calls=(1, 2), ends=(OURS, OK), logs=False),
    Place("agent.processes.forked:redirect", ("cell", "directory"), SHORT, logs=False),
    Place(
        "agent.warm.forked_runners:_carry_out", ("cell",), SHORT, ends=(OURS, ("failed", "runner_killed")), logs=False
    ),
    Place("agent.runner.session:Session.carry_out", ("session",), SHORT, logs=False),
    Place("agent.runner.session:Session.obey", ("session",), SHORT, logs=False),
    Place("agent.runner.session:Session._read_orders", ("session",), SHORT, ends=(OK,)),
]


def agents(name: str) -> Place:
    """A place in the agent: what fails there once is done again."""
    return Place(name, ("cell", "session", "directory"), NOT_TOO_SHORT, ends=(OK,), process="agent")


AGENT = [
    agents("agent.agent:Agent._sync"),
    agents("agent.agent:Agent._carry_on"),
    agents("agent.agent:Agent._take"),
    agents("agent.attempts.carrying_out:CarryingOut._carried_out"),
    agents("agent.attempts.carrying_out:CarryingOut._until_over"),
    agents("agent.attempts.carrying_out:CarryingOut._over"),
    agents("agent.attempts.carrying_out:CarryingOut._pass_on"),
    agents("agent.attempts.carrying_out:CarryingOut._delivered"),
    agents("agent.attempts.held_attempt:Held.begun"),
    agents("agent.attempts.held_attempt:Held.verdict"),
    agents("agent.runner_control:prepare"),
    agents("agent.runner_control:exit_record"),
    agents("agent.runner_control:living_runner"),
    agents("agent.attempts.environment_record:Recorder.record"),
    agents("agent.attempts.environment_record:Recorder._look_and_write"),
    agents("agent.devices.inventory:Devices.read"),
    agents("agent.devices.inventory:Devices.freed"),
    agents("agent.warm.spares:Starter.start"),
    agents("agent.warm.sessions:Sessions.states"),
]
LOCAL = [
    agents("gpurun_server.local_agent:DatabaseLink.sync"),
    agents("gpurun_server.local_agent:DatabaseLink.fetch"),
    agents("gpurun_server.local_agent:DatabaseLink.advance"),
    agents("gpurun_server.local_agent:DatabaseLink.deliver"),
]
REMOTE = [
    agents("agent.remote.link:HttpLink.sync"),
    agents("agent.remote.link:HttpLink.fetch"),
    agents("agent.remote.link:HttpLink.advance"),
    agents("agent.remote.link:HttpLink.deliver"),
    agents("agent.remote.download:Download.fetch"),
    agents("agent.remote.log_upload:LogUpload._send"),
    agents("agent.remote.checkpoint_upload:CheckpointUpload._look"),
    agents("agent.remote.model_upload:ModelUpload.send"),
    agents("agent.remote.environment_upload:EnvironmentUpload.describe"),
    agents("agent.remote.final_upload:FinalUpload.send"),
    agents("agent.remote.upload:Upload.send"),
]


def full(name: str) -> str:
    return name if name.startswith("gpurun_server") else f"{PACKAGE}.{name}"


class Stage:
    """A server whose agent, here or on another machine, has one CPU slot, and what is done to it."""

    def __init__(self, server: JupyterServer, faults: Faults, home: Path, agent_pid: Callable[[], int]) -> None:
        self.server, self.faults, self.home = server, faults, Home(home)
        self.client = Client(server.url, TOKEN)
        self.agent_pid = agent_pid
        self.pid = agent_pid()

    def submit(self, kind: str, code: str, **fields: Any) -> str:
        if kind == "notebook":
            return self._notebook(code)
        if kind == "directory":
            return self._directory(code, fields)
        if kind == "spec":  # a variable that Python reads at its start: no forked kernel will do
            fields["env"] = {"PYTHONHASHSEED": "7"}
        if kind == "session":
            fields["session"] = "kept"
        return self.server.submit(code, **fields)

    def _notebook(self, code: str) -> str:
        path = self.server.folder / "hit.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)]), path)
        return str(self.client.submit_notebook(path).id)

    def _directory(self, code: str, fields: dict[str, Any]) -> str:
        folder = self.server.folder / "hit"
        folder.mkdir(exist_ok=True)
        (folder / "main.py").write_text(code)
        return str(self.client.submit_dir(folder, "main.py", **fields).id)

    def hit(self, place: Place, kind: str, error: str, call: int, *, always: bool = False) -> dict[str, Any]:
        """Have it raise while a run of this kind is carried out; the run, once it is over."""
        if kind == "session":
            assert self.server.wait(self.server.submit("kept = 41", session="kept"))["outcome"] == "succeeded"
        if "forked_runners:" in place.name:
            wait_until(self._spare, 30, "for a spare")
        self.faults.arm(place.process, full(place.name), error, call=call, always=always)
        run_id = self.submit(kind, place.code, **place.fields)
        if place.stop:
            wait_until(lambda: "line" in self.server.log(run_id), 30, "for the run to be at work")
            self.server.http.post(f"runs/{run_id}/cancel", json={})
        try:
            run = self.server.wait(run_id, timeout_s=40)
        except AssertionError:  # the others need the slot
            self.server.http.post(f"runs/{run_id}/cancel", json={"kill": True})
            raise
        assert self.faults.disarm(), "nothing was raised"
        return run

    def _spare(self) -> bool:
        below = psutil.Process(self.pid).children(recursive=True)
        return any("spare" in process.cmdline() for process in below)

    def is_well(self, kind: str, *, session: bool = True, same_agent: bool = True) -> None:
        """The agent and the session are as they were, and the slot is free."""
        if kind == "session" and session:
            shown = session_of(self.server, "kept")
            assert shown is not None
            after = self.server.wait(self.server.submit("print(kept + 1)", session="kept"), timeout_s=30)
            assert self.server.log(after["id"]) == "42\n", after
        self.tidy()
        assert self.server.wait(self.server.submit("6 * 7"), timeout_s=30)["outcome"] == "succeeded"
        assert not self.held()
        assert not same_agent or self.agent_pid() == self.pid

    def nothing_at_work(self, run_id: str) -> None:
        """No process carries the run's mark."""
        wait_until(lambda: not of_attempt(f"{run_id}/1"), what="for its processes to be gone")

    def tidy(self) -> None:
        self.faults.disarm()
        if session_of(self.server, "kept"):
            end_session(self.server, "kept")

    def held(self) -> list[Any]:
        shown = self.server.http.get("devices").json()["agents"]
        return [device for agent in shown for device in agent["devices"] if device.get("run_id")]

    def close(self) -> None:
        self.client.close()
        self.server.close()


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server and its own agent."""
    folder = tmp_path_factory.mktemp("faults")
    server, faults = (
        JupyterServer(folder),
        Faults(folder / "faults", [full(one.name) for one in PLACES + AGENT + LOCAL]),
    )
    faults.within(server.env)
    server.env["GPURUN_CPU_SLOTS"] = "1"
    server.start()
    stage = Stage(server, faults, server.home, lambda: pid_of(server))
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server that has no agent of its own, and the agent of another machine."""
    folder = tmp_path_factory.mktemp("far-faults")
    faults = Faults(folder / "faults", [full(one.name) for one in PLACES + AGENT + REMOTE])
    server = JupyterServer(folder / "server", options=("--GpurunApp.local_agent=False",)).start()
    machine = Machine(folder / "machine")
    faults.within(machine.env)
    machine.join(server)
    stage = Stage(server, faults, machine.home, lambda: pid_of(machine))
    yield stage
    stage.close()
    machine.close()


def pid_of(one: JupyterServer | Machine) -> int:
    return wait_until(one.agent, what="for the agent").pid


def cases(places: list[Place], shortened: int = 1) -> list[Any]:
    """Each place with each kind and call, with one error after another; in the short form with one kind alone.

    And of several places only every second, say.
    """
    errors = cycle(ERRORS)
    found = []
    for number, place in enumerate(places):
        short = place.kinds[number % len(place.kinds)], place.calls[-1]
        for kind, call in product(place.kinds, place.calls):
            error = next(errors)
            marks = [] if (kind, call) == short and not number % shortened else [pytest.mark.long]
            name = f"{place.name.rpartition('.')[2]}-{kind}-{error}-{call}"
            found.append(pytest.param(place, kind, error, call, id=name, marks=marks))
    return found


@pytest.fixture(autouse=True)
def _tidy(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that fails leaves the others alone."""
    yield
    for name in {"here", "there"} & {*request.fixturenames}:
        request.getfixturevalue(name).tidy()


def check(stage: Stage, place: Place, kind: str, error: str, call: int) -> None:
    run = stage.hit(place, kind, error, call)
    assert (run["outcome"], run["reason"]) in place.ends, run
    if run["reason"] == "internal_error":
        assert "injected" in run["message"], run
        assert "Run it again" in run["message"], run
    if run["reason"] == "internal_error" and place.process == "runner":
        own_log = stage.home.attempt(run["id"], 1).runner_log
        assert str(own_log) in run["message"]
        assert "injected" in own_log.read_text().splitlines()[-1] + own_log.read_text()
        assert not place.logs or "[gpurun itself failed: " in stage.server.log(run["id"])
    stage.is_well(kind)


@pytest.mark.parametrize(("place", "kind", "error", "call"), cases(PLACES))
def test_a_fault_in_a_runner_ends_its_run(here: Stage, place: Place, kind: str, error: str, call: int) -> None:
    check(here, place, kind, error, call)


@pytest.mark.parametrize(("place", "kind", "error", "call"), cases(AGENT + LOCAL, 2))
def test_a_fault_in_the_agent_is_survived(here: Stage, place: Place, kind: str, error: str, call: int) -> None:
    check(here, place, kind, error, call)


@pytest.mark.parametrize(("place", "kind", "error", "call"), cases(REMOTE, 2))
def test_a_fault_in_an_agent_elsewhere_is_survived(
    there: Stage, place: Place, kind: str, error: str, call: int
) -> None:
    check(there, place, kind, error, call)


ELSEWHERE = [replace(place, kinds=("cell", "session", "directory")) for place in PLACES[:3]]


@pytest.mark.long
@pytest.mark.parametrize(("place", "kind", "error", "call"), cases(ELSEWHERE + AGENT))
def test_a_fault_elsewhere_ends_its_run(there: Stage, place: Place, kind: str, error: str, call: int) -> None:
    check(there, place, kind, error, call)


@pytest.mark.long
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("kind", ALL)
def test_whatever_is_raised(here: Stage, kind: str, error: str) -> None:
    for name in ("progress.decoder:Decoder.feed", f"{RUNNER}event_log:EventLog.write"):
        check(here, Place(name), kind, error, 3)


#: What raises at every call.
ALWAYS = [
    Place("progress.decoder:Decoder.feed", ALL),
    Place(f"{RUNNER}event_log:EventLog.write", ALL),
    Place(f"{RUNNER}event_log:EventLog._append", ("cell", "session", "directory")),
    Place(f"{RUNNER}masking:Masking.text", ("cell", "session", "directory"), SHORT),
    Place(f"{RUNNER}output:_take_reports", ("cell", "session", "directory")),
    Place(f"{RUNNER}process_run:ProcessRun._read", ("directory",)),
    Place(f"{RUNNER}attempt:_leave_word", ("cell", "session", "directory"), SHORT, ends=(OURS, OK)),
    Place(f"{RUNNER}stopping:Stopping._end_when_asked", ("cell", "directory")),
    Place("core.home:write_json", ("cell", "directory"), SHORT, ends=(("failed", "runner_killed"),)),
]


@pytest.mark.parametrize("place", [pytest.param(one, id=one.name, marks=pytest.mark.long) for one in ALWAYS])
def test_what_raises_at_every_call_ends_its_run(here: Stage, place: Place) -> None:
    for kind, error in zip(place.kinds, cycle(ERRORS)):
        run = here.hit(place, kind, error, 1, always=True)
        assert (run["outcome"], run["reason"]) in place.ends, run
        here.is_well(kind)


#: What the agent cannot do at all.
HOPELESS = [
    Place("agent.attempts.carrying_out:CarryingOut._carried_out"),
    Place("agent.attempts.carrying_out:CarryingOut._over", ("cell", "session", "directory")),
    Place("agent.attempts.held_attempt:Held.begun", ("cell", "session", "directory")),
    Place("agent.attempts.held_attempt:Held.verdict", ("cell", "session"), SHORT),
    Place("agent.warm.spares:Starter.start", ("cell", "directory")),
]


@pytest.mark.long
@pytest.mark.parametrize("place", HOPELESS, ids=lambda place: place.name)
def test_what_an_agent_cannot_do_at_all_ends_its_run_alone(here: Stage, place: Place) -> None:
    for kind, error in zip(place.kinds, cycle(ERRORS)):
        run = here.hit(replace(place, process="agent"), kind, error, 1, always=True)
        assert run["reason"] in ("internal_error", "damaged") or place.name.endswith("verdict"), run  # the log tells
        here.is_well(kind, session=place.name != "agent.attempts.carrying_out:CarryingOut._carried_out")
        here.nothing_at_work(run["id"])
