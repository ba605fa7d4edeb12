"""Kill -9 at random moments: of the server, the agent, the runner, the kernel, and those that keep kernels warm.

In short here, at 20 moments each in `make test-long`. The moments are printed: pytest shows them with a failure.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest
from chaos.scene import LINES, PAUSE_S, Scene, command, kill
from servers import wait_until

RUN_S = LINES * PAUSE_S
#: Three runs on two slots, so that a moment may also fall between the end of one and the start of the next.
RUNS = 3

moments = pytest.mark.parametrize("moments", [2, pytest.param(20, marks=[pytest.mark.long, pytest.mark.timeout(1800)])])


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    scene = Scene(tmp_path_factory.mktemp("chaos"))
    scene.server.start()
    yield scene
    scene.server.close()


@moments
def test_a_killed_server_loses_nothing_not_even_what_it_was_being_sent(scene: Scene, moments: int) -> None:
    for moment in scene.moments(moments, "server", 2 * RUN_S):
        keys = [f"server {moments} {moment.number} {n}" for n in range(RUNS)]
        with ThreadPoolExecutor(RUNS) as clients:
            sending = clients.map(scene.submit_if_there, keys)
            moment.come()
            scene.server.kill()
            heard = list(sending)
        scene.server.start()
        again = [scene.submit(key) for key in keys]
        assert [run_id for run_id in heard if run_id] == [
            run_id for run_id, one in zip(again, heard, strict=True) if one
        ]
        all_went_well(scene, again)


@moments
def test_a_killed_agent_finds_its_runs_again(scene: Scene, moments: int) -> None:
    for moment in scene.moments(moments, "agent", 2 * RUN_S):
        ids = [scene.submit() for _ in range(RUNS)]
        moment.come()
        kill(scene.server.agent())
        all_went_well(scene, ids)


@moments
def test_server_and_agent_may_be_killed_together(scene: Scene, moments: int) -> None:
    for moment in scene.moments(moments, "server and agent", 2 * RUN_S):
        ids = [scene.submit() for _ in range(RUNS)]
        moment.come()
        kill(scene.server.agent())
        scene.server.kill()
        scene.server.start()
        all_went_well(scene, ids)


@moments
def test_what_keeps_kernels_warm_may_be_killed(scene: Scene, moments: int) -> None:
    for moment in scene.moments(moments, "fork parent and spares", RUN_S):
        ids = [scene.submit()]
        moment.come()
        for process in warm(scene):
            kill(process)
        all_went_well(scene, [*ids, scene.submit()])


@moments
def test_a_killed_runner_ends_its_run_with_a_prefix_of_its_log(scene: Scene, moments: int) -> None:
    for moment in scene.moments(moments, "runner", 1.2 * RUN_S):
        run_id = scene.submit()
        runner = scene.runner(run_id)
        moment.come()
        kill(runner)
        scene.ended_by("runner_killed", run_id)
        scene.nothing_is_left()


@moments
def test_a_killed_kernel_ends_its_run_with_a_prefix_of_its_log(scene: Scene, moments: int) -> None:
    for moment in scene.moments(moments, "kernel", 1.2 * RUN_S):
        run_id = scene.submit()
        kernel = scene.kernel(run_id)
        moment.come()
        kill(kernel)
        scene.ended_by("kernel_died", run_id)
        scene.nothing_is_left()


@moments
@pytest.mark.parametrize(("who", "reason"), [("runner", "runner_killed"), ("kernel", "kernel_died")])
def test_a_killed_session_ends_its_run_and_the_next_begins_another(
    scene: Scene, moments: int, who: str, reason: str
) -> None:
    """The holder of a session is the runner of its attempts."""
    for moment in scene.moments(moments, f"session's {who}", 1.2 * RUN_S):
        name = f"{who} {moments} {moment.number}"
        scene.succeeded(scene.submit(session=name))
        run_id = scene.submit(session=name)
        process = scene.runner(run_id) if who == "runner" else scene.kernel(run_id)
        moment.come()
        kill(process)
        scene.ended_by(reason, run_id)
        scene.succeeded(scene.submit(session=name))
        end_session(scene, name)
        scene.nothing_is_left()


@moments
def test_an_agent_that_is_killed_finds_its_sessions_again(scene: Scene, moments: int) -> None:
    for moment in scene.moments(moments, "agent of a session", 2 * RUN_S):
        name = f"kept {moments} {moment.number}"
        ids = [scene.submit(session=name) for _ in range(2)]
        moment.come()
        kill(scene.server.agent())
        for run_id in ids:
            scene.succeeded(run_id)
        assert [process for _, process in scene.begun()][-1] == [process for _, process in scene.begun()][-2]
        end_session(scene, name)
        scene.nothing_is_left()


def all_went_well(scene: Scene, ids: list[str]) -> None:
    for run_id in ids:
        scene.succeeded(run_id)
    scene.nothing_is_left()


def warm(scene: Scene) -> list[psutil.Process]:
    """The agent's fork parent and the spares that it has forked; runners are left alone."""
    agent = wait_until(scene.server.agent, what="for the agent")
    parents = [
        process for process in agent.children() if "gpurun_jupyter.agent.warm.fork_parent_process" in command(process)
    ]
    spares = [child for parent in parents for child in parent.children() if command(child).endswith(" spare")]
    return [*parents, *spares]


def end_session(scene: Scene, name: str) -> None:
    """If it is there still."""

    def gone() -> bool:
        sessions = scene.server.http.get("sessions").json()["sessions"]
        if name in [session["name"] for session in sessions]:
            scene.server.http.post(f"sessions/{name}/end")
            return False
        return True

    wait_until(gone, 20, f"for session {name} to end")
