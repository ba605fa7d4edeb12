"""Agents, holders and queues to try placement on, and what has to hold of every plan."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hypothesis import strategies as st

from gpurun_jupyter.core.devices import Agent, Device, DeviceProcess
from gpurun_server.queue.placement.offers import Held, Holder, Offer, Wanted, names_of
from gpurun_server.queue.placement.plan import Plan

GIB = 2**30
TOTAL = 40 * GIB


def gpu(index: int, host: str = "lab", total: int | None = TOTAL, **more: object) -> Device:
    return Device(id=f"GPU-{host}-{index}", kind="gpu", index=index, memory_total_bytes=total, **more)


def slot(index: int) -> Device:
    return Device(id=f"cpu{index}", kind="cpu", index=index)


def offer(host: str, devices: Iterable[Device] | int, health: str = "healthy", **more: object) -> Offer:
    devices = [gpu(index, host) for index in range(devices)] if isinstance(devices, int) else list(devices)
    return Offer(Agent(host, host, "1", health, 0.0, devices), **more)


def started(made: Plan) -> dict[str, list[str]]:
    return {one.run_id: [device.id for device in one.devices] for one in made.placements}


def holding(ids: Iterable[str], host: str = "lab", **more: object) -> Held:
    return {(host, device_id): [Holder(f"held-{device_id}", **more)] for device_id in ids}


memories = st.sampled_from([None, None, 5 * GIB, 10 * GIB, 25 * GIB, 60 * GIB])


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Wanted], list[Offer], Held]:
    offers, held = [], {}
    for host in draw(st.lists(st.sampled_from("abc"), unique=True, max_size=3)):
        devices = []
        for index in range(draw(st.integers(0, 4))):
            foreign = [DeviceProcess(pid=7, user="anna")] if draw(st.integers(0, 5)) == 0 else []
            devices.append(gpu(index, host, draw(st.sampled_from([TOTAL, 2 * TOTAL, None])), processes=foreign))
        devices += [slot(index) for index in range(draw(st.integers(0, 2)))]
        locked = frozenset(device.id for device in devices if draw(st.integers(0, 7)) == 0)
        health = draw(st.sampled_from(["healthy"] * 4 + ["stale", "disconnected"]))
        offers.append(offer(host, devices, health, locked=locked, labels=frozenset(draw(st.sampled_from(["", "x"])))))
        held |= {(host, device.id): draw(holders(device)) for device in devices}
    return draw(queues), offers, {key: value for key, value in held.items() if value}


@st.composite
def holders(draw: st.DrawFn, device: Device) -> list[Holder]:
    ends = {"left_s": draw(st.sampled_from([None, 50.0])), "limit_s": draw(st.sampled_from([None, 500.0]))}
    owner = draw(st.sampled_from("AB"))
    shared = [Holder(f"h{n}", "", owner, 10 * GIB, **ends) for n in range(draw(st.integers(0, 3)))]
    alone = [Holder("h", "", owner, None, **ends)]
    return draw(st.sampled_from([[], alone, shared if device.memory_total_bytes else alone]))


@st.composite
def wishes(draw: st.DrawFn, seq: int) -> Wanted:
    return Wanted(
        run_id=f"r{seq}",
        gpu=draw(st.integers(0, 4)),
        priority=draw(st.integers(-1, 1)),
        seq=seq,
        owner=draw(st.sampled_from("AB")),
        memory_bytes=draw(memories),
        pin=draw(st.sampled_from([None] * 5 + ["a:gpu0", "b:1", "GPU-a-1", "a:cpu0", "nowhere:0"])),
        on=draw(st.sampled_from([None] * 5 + ["a", "x", "agents", "ray"])),
        limit_s=draw(st.sampled_from([None, 100.0, 1000.0])),
        after=draw(st.sampled_from([()] * 5 + [("prep",)])),
    )


queues = st.integers(0, 14).flatmap(lambda n: st.tuples(*[wishes(seq) for seq in range(n)])).map(list)


def memory_left(device: Device, holders: Sequence[Holder]) -> int:
    """What sharers leave; below 0 where the device holds more than it can or somebody is not alone on it."""
    alone = [holder for holder in holders if holder.memory_bytes is None]
    if alone or device.memory_total_bytes is None:
        return 0 if len(holders) <= 1 else -1
    return device.memory_total_bytes - sum(holder.memory_bytes or 0 for holder in holders)


def after_round(held: Held, made: Plan, queue: Iterable[Wanted]) -> dict[tuple[str, str], list[Holder]]:
    held = {key: list(value) for key, value in held.items()}
    wants = {wanted.run_id: wanted for wanted in queue}
    for one in made.placements:
        wanted = wants[one.run_id]
        for device in one.devices:
            mine = Holder(wanted.run_id, "", wanted.owner, wanted.shape.memory_bytes, None, wanted.limit_s)
            held.setdefault((one.agent_id, device.id), []).append(mine)
    return held


def check(made: Plan, queue: Sequence[Wanted], offers: Sequence[Offer], held: Held) -> None:
    wants = {wanted.run_id: wanted for wanted in queue}
    there = {one.agent.id: one for one in offers}
    assert len(started(made)) == len(made.placements)
    for one in made.placements:
        wanted, agent = wants[one.run_id], there[one.agent_id].agent
        assert not wanted.after
        assert len({device.id for device in one.devices}) == len(one.devices) == wanted.shape.size
        assert {device.kind for device in one.devices} == {"gpu" if wanted.gpu else "cpu"}
        assert agent.health == "healthy"
        assert wanted.on in (None, "agents", agent.id, *there[one.agent_id].labels)
        for device in one.devices:
            assert device in agent.devices
            assert not there[one.agent_id].barred(device)
            assert wanted.pin is None or wanted.pin in names_of(agent, device)
    now = after_round(held, made, queue)
    for one in offers:
        for device in one.agent.devices:
            assert memory_left(device, now.get((one.agent.id, device.id), [])) >= 0
