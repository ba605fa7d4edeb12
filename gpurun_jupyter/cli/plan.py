"""What a dry run shows: what would run, what would be shipped and what not, and where it would start."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.core.alternatives import Shortage, instead
from gpurun_jupyter.core.devices import Agent, Device
from gpurun_jupyter.core.labels import asked
from gpurun_jupyter.core.runs import DataUse
from gpurun_jupyter.core.units import format_size

if TYPE_CHECKING:
    from gpurun_jupyter.shipping.collect import LeftOut, Shipment

_FOLDERS_SHOWN = 10
_NAMES_SHOWN = 5
_BESIDE = "beside them"


def show_plan(to: Invocation, what: str, shipment: Shipment | None, options: Mapping[str, Any]) -> None:
    """Print the plan of a run of `what`; asks the server what it has, and submits nothing."""
    agents = to.client.devices()
    lines = [("runs", what), *_shipped(to, shipment)]
    lines += [("data", line) for line in _data(to, options.get("data", ()))]
    gpu = _gpus(options, agents)
    lines += [("wants", _wants(gpu, options)), ("starts", where(agents, gpu, options, _labels(to)))]
    table = "".join(f"{title:8}{text}\n" for title, text in lines)
    to.screen.text(f"A dry run: nothing is submitted.\n{table}")


def _data(to: Invocation, texts: Iterable[str]) -> Iterator[str]:
    known = {one.name: one for one in to.client.data()} if texts else {}
    for use in map(DataUse.parse, texts):
        found = known.get(use.name)
        size = format_size(found.size_bytes) if found else "you have no such data set: it would be refused"
        yield f"{use.name} ({size}), read-only, at {use.place}/"


def _shipped(to: Invocation, shipment: Shipment | None) -> Iterator[tuple[str, str]]:
    if shipment is None:
        return
    new = to.client.new_to_server(shipment)
    count = f"{new.files:,} of them ({format_size(new.size_bytes)})" if new.files else "none of them"
    yield "ships", f"{shipment.amount} of {shipment.root}, {count} new to the server"
    for line in _folders(shipment):
        yield "", line
    for number, line in enumerate(_left_out(shipment.left_out)):
        yield "" if number else "leaves", line


def _folders(shipment: Shipment) -> Iterator[str]:
    """The biggest folders at the top, with what they hold."""
    from gpurun_jupyter.shipping.collect import amount

    files: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in shipment.files:
        top, slash, _ = file.name.partition("/")
        files[top + slash if slash else _BESIDE] += 1
        sizes[top + slash if slash else _BESIDE] += file.size_bytes
    shown = [name for name, _ in sizes.most_common(_FOLDERS_SHOWN)]
    width = max((len(name) for name in shown), default=0)
    yield from (f"{name:{width}}  {amount(files[name], sizes[name])}" for name in shown)
    if rest := [name for name in files if name not in shown]:
        yield f"{len(rest)} more folders  {amount(sum(files[one] for one in rest), sum(sizes[one] for one in rest))}"


def _left_out(left_out: Iterable[LeftOut]) -> Iterator[str]:
    by_why: dict[str, list[str]] = {}
    for one in left_out:
        by_why.setdefault(one.why, []).append(one.name)
    for why, names in by_why.items():
        more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
        yield f"{', '.join(sorted(names)[:_NAMES_SHOWN])}{more}: {why}"


def _labels(to: Invocation) -> dict[str, list[str]]:
    return {agent["id"]: agent["labels"] for agent in to.client.agents()}


def _gpus(options: Mapping[str, Any], agents: list[Agent]) -> int:
    """GPUs wanted: as said, else one where any machine has one."""
    said = options.get("gpu")
    return int(any(_is_gpu(one) for agent in agents for one in agent.devices)) if said is None else said


def _wants(gpu: int, options: Mapping[str, Any]) -> str:
    memory = options.get("gpu_mem")
    what = f"{gpu} GPU{'' if gpu == 1 else 's'}" if gpu else "a CPU slot"
    each = f" with {format_size(memory)}{' each' if gpu > 1 else ''}" if memory and gpu else ""
    return f"{what}{each}" + "".join(
        f", {word} {options[word]}" for word in ("device", "on", "kernel") if options.get(word)
    )


def where(
    agents: list[Agent], gpu: int, options: Mapping[str, Any], labels: Mapping[str, Collection[str]] | None = None
) -> str:
    """Where and when a run would start, as far as the machines' devices tell, and their labels, by agent id."""
    labels = labels or {}
    needs = asked(options.get("on"), options.get("kernel"))
    everybody = agents
    agents = [agent for agent in agents if {agent.host, agent.id, *labels.get(agent.id, ())}.issuperset(needs)]
    if needs and not agents:
        return f"nowhere yet: no machine has {' and '.join(map(repr, needs))}; the queue says who has what"
    if options.get("hold"):
        return "when it is told to, by `gpurun start`"
    if after := options.get("after"):
        return f"after {', '.join(after)} succeeded"
    fitting = [(agent, _fitting(agent, gpu, options)) for agent in agents if agent.health == "healthy"]
    able = [(agent, devices) for agent, devices in fitting if len(devices) >= max(gpu, 1)]
    for agent, devices in able:
        free = [device for device in devices if _is_free(device)]
        if len(free) >= max(gpu, 1):
            places = ", ".join(device.label for device in free[: max(gpu, 1)])
            return f"at once on {agent.id}, where {places} is free, unless runs before it in the queue want that"
    if able:
        names = ", ".join(agent.id for agent, _ in able)
        return f"on {names}, when enough devices there are free; `gpurun status` shows what holds them"
    most = max((len(devices) for _, devices in fitting), default=0)
    short = Shortage(gpu, most, _count(agents), _count(everybody))
    given = [name for name in ("device", "gpu_mem", "on", "kernel") if options.get(name)]
    return f"nowhere: no machine that is there has such devices. {instead(short, given)}"


def _names(agent: Agent, device: Device) -> set[str]:
    """What `--device` may call it."""
    names = {f"{host}:{name}" for host in (agent.id, agent.host) for name in (device.label, device.index)}
    return {device.id} | names


def _fitting(agent: Agent, gpu: int, options: Mapping[str, Any]) -> list[Device]:
    """The agent's devices of the kind that is wanted."""
    pin, memory = options.get("device"), options.get("gpu_mem") or 0
    return [
        device
        for device in agent.devices
        if _is_gpu(device) == bool(gpu)
        and (not pin or pin in _names(agent, device))
        and (not gpu or (device.memory_total_bytes or memory) >= memory)  # one that tells no size may have it
    ]


def _count(agents: list[Agent]) -> int:
    return sum(_is_gpu(device) for agent in agents for device in agent.devices)


def _is_gpu(device: Device) -> bool:
    return device.kind != "cpu"


def _is_free(device: Device) -> bool:
    return device.holder is None and not device.locked and not any(not process.ours for process in device.processes)
