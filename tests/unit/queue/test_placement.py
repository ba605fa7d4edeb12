from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.devices import Agent, Device, DeviceProcess
from gpurun_server.queue.placement import Wanted, free_devices, place
from gpurun_server.queue.waiting import explain

GPUS = [Device(id=f"GPU-{index}", kind="gpu", index=index) for index in range(4)]
SLOTS = [Device(id=f"cpu{index}", kind="cpu", index=index) for index in range(2)]

queues = st.lists(st.tuples(st.integers(0, 5), st.integers(-2, 2)), max_size=12).map(
    lambda wishes: [Wanted(f"r{seq}", gpu, priority, seq) for seq, (gpu, priority) in enumerate(wishes)]
)
frees = st.lists(st.sampled_from(GPUS + SLOTS), unique_by=lambda device: device.id)


@given(queues, frees)
def test_no_device_is_given_twice_and_every_run_gets_what_it_wants(queue: list[Wanted], free: list[Device]) -> None:
    given_out = [device.id for placement in place(queue, free) for device in placement.devices]
    assert len(given_out) == len(set(given_out))
    assert set(given_out) <= {device.id for device in free}
    wants = {wanted.run_id: wanted.gpu for wanted in queue}
    for placement in place(queue, free):
        gpus = [device for device in placement.devices if device.kind == "gpu"]
        assert len(gpus) == wants[placement.run_id]
        assert len(placement.devices) == max(1, wants[placement.run_id])


@given(queues, frees)
def test_nobody_is_overtaken_by_a_run_of_the_same_kind(queue: list[Wanted], free: list[Device]) -> None:
    started = {placement.run_id for placement in place(queue, free)}
    for kind in (True, False):
        line = [wanted for wanted in sorted(queue, key=lambda one: one.rank) if bool(wanted.gpu) == kind]
        waits = [wanted.run_id not in started for wanted in line]
        assert waits == sorted(waits)


def test_devices_of_others_are_not_offered() -> None:
    foreign = Device(id="GPU-9", kind="gpu", index=9, processes=[DeviceProcess(pid=1, user="anna")])
    ours = Device(id="GPU-8", kind="gpu", index=8, processes=[DeviceProcess(pid=2, ours=True)])
    assert free_devices([*GPUS, foreign, ours], held=["GPU-0"]) == [*GPUS[1:], ours]


def test_why_a_run_waits_names_the_holders() -> None:
    held = Device(id="GPU-0", kind="gpu", index=0, run_id="r", run_name="bert-ft")
    foreign = Device(id="GPU-1", kind="gpu", index=1, processes=[DeviceProcess(pid=4312, user="anna")])
    agent = Agent("lab", "lab", "1", "healthy", 0.0, [held, foreign, *SLOTS])
    queue = [Wanted("first", 1, 0, 1), Wanted("second", 2, 0, 2), Wanted("big", 3, 5, 3), Wanted("cpu", 0, 0, 4)]
    why = explain(queue, [agent])
    assert why["big"].position == 1
    assert "no agent that is here has them" in why["big"].why
    assert why["first"].why == "waits for 1 GPU: gpu0 is held by «bert-ft», gpu1 is held by pid 4312 (anna, not ours)"
    assert why["cpu"].why == "a CPU slot is free; it starts now"
    assert explain(queue, [])["first"].why.startswith("no agent is connected")
