"""Agents of other machines are woken where there is something to do for them, and left alone otherwise."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.queue.queue_world import COMPLETED, PlayedAgent, World, a_world

from gpurun_jupyter.core.remote import Join
from gpurun_server.queue.agents.doorbells import Doorbells
from gpurun_server.queue.agents.remote_agents import RemoteAgents
from gpurun_server.queue.agents.wake_ups import Calling
from gpurun_server.queue.ledger.sessions import wish
from gpurun_server.queue.lifecycle.stopping import cancel
from gpurun_server.store import agent_keys


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with a_world(tmp_path / "home") as world:
        yield world


def called(world: World, calling: Calling) -> set[str]:
    with world.database.read() as conn:
        return calling.look(conn)


def joined(world: World, name: str) -> PlayedAgent:
    token, _ = world.change(agent_keys.invite, "anna")
    world.change(agent_keys.join, token, Join(name, "1", name))
    return world.add_agent(name, gpus=1)


def test_as_many_are_called_as_there_is_work_for(world: World) -> None:
    calling = Calling(world.ledgers[False])
    agents = [world.add_agent(name, gpus=2) for name in "abc"]
    assert called(world, calling) == set()
    world.submit(gpu=2)
    (one,) = called(world, calling)
    world.report(world.agents[one])
    assert called(world, calling) == set()
    for _ in range(3):
        world.submit(gpu=2)
    assert called(world, calling) == {agent.id for agent in agents} - {one}


def test_a_run_that_must_go_somewhere_calls_that_agent(world: World) -> None:
    calling = Calling(world.ledgers[False])
    for name in "abc":
        world.add_agent(name, gpus=1)
    world.submit(gpu=1, on="c")
    assert called(world, calling) == {"c"}


def test_who_shall_end_a_run_is_called_once_and_again_to_kill_it(world: World) -> None:
    calling, agent = Calling(world.ledgers[False]), world.add_agent("a", gpus=1)
    run_id = world.submit(gpu=1)
    world.start(agent)
    assert called(world, calling) == set()
    world.change(cancel, run_id, by="anna")
    assert called(world, calling) == {"a"}
    assert called(world, calling) == set()
    world.change(cancel, run_id, by="anna", kill=True)
    assert called(world, calling) == {"a"}


def test_the_agent_of_a_session_is_called_for_its_runs_and_for_its_end(world: World) -> None:
    calling = Calling(world.ledgers[False])
    agent = world.add_agent("b", gpus=1)
    world.submit(gpu=1, session="s")
    runner = world.start(agent)
    world.add_agent("a", gpus=1)
    world.submit(gpu=1, session="s")
    assert called(world, calling) == set()  # it is busy
    runner.end(COMPLETED)
    world.tell_end(agent, runner)
    assert called(world, calling) == {"b"}
    world.change(wish, "anna", "s", "end")
    assert called(world, calling) == {"b"}


@settings(max_examples=25, deadline=None)
@given(
    gpus=st.lists(st.integers(1, 3), min_size=1, max_size=4),
    wanted=st.lists(st.integers(1, 3), min_size=1, max_size=8),
    data=st.data(),
)
def test_nobody_who_could_start_something_is_left_asleep(
    gpus: list[int], wanted: list[int], data: st.DataObject
) -> None:
    with TemporaryDirectory() as folder, a_world(Path(folder) / "home") as world:
        calling = Calling(world.ledgers[False])
        agents = [world.add_agent(f"agent{number}", gpus=count) for number, count in enumerate(gpus)]
        for gpu in wanted:
            world.submit(gpu=gpu, wait_for_device=True)
        given_something = True
        while given_something:
            woken = data.draw(st.permutations(sorted(called(world, calling))))
            granted = [world.report(world.agents[one]).grants for one in woken]
            given_something = any(granted)
        assert not any(world.report(agent).grants for agent in agents)


def test_only_who_is_called_is_answered() -> None:
    async def answers() -> None:
        bells = Doorbells()
        first = await bells.rung("a", 0, 5)  # whatever it heard elsewhere
        waiting = {name: asyncio.create_task(bells.rung(name, first, 5)) for name in "ab"}
        await asyncio.sleep(0)
        bells.call(["a"])
        assert await waiting["a"] == first + 1
        assert not waiting["b"].done()
        bells.call(["a"])  # while it does not wait
        assert await bells.rung("a", first + 1, 5) == first + 2
        bells.close()
        assert await waiting["b"] == first

    asyncio.run(answers())


def test_a_run_that_comes_wakes_one_of_many(world: World) -> None:
    async def play() -> None:
        remote = RemoteAgents(world.home, world.database)
        remote.start()
        reports = {name: joined(world, name).report() for name in "abcdef"}
        heard = {name: await remote.bells.rung(name, 0, 5) for name in reports}
        waiting = {asyncio.create_task(remote.bells.rung(name, heard[name], 20)): name for name in reports}
        await asyncio.sleep(0)
        run_id = await asyncio.to_thread(world.submit, gpu=1)
        done, asleep = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
        (name,) = (waiting[one] for one in done)
        orders = await remote.sync(reports[name])
        assert [grant.run_id for grant in orders.grants] == [run_id]
        assert len(asleep) == len(reports) - 1
        remote.close()
        await asyncio.wait(asleep)

    asyncio.run(play())
