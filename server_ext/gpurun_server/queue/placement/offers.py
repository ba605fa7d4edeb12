"""What placement is told: the runs that wait, the agents with their devices, and who holds these."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

from gpurun_jupyter.core.devices import Agent, Device
from gpurun_jupyter.core.labels import asked

#: The name that stands for every agent where a run says `--on`.
ANY_AGENT = "agents"


class Shape(NamedTuple):
    """All that decides where a run fits. Runs of one shape fit the same devices or none of them does."""

    gpu: int  # 0: one CPU slot
    memory_bytes: int | None = None  # on each GPU; None: the run wants its GPUs for itself
    pin: str | None = None  # a device id, or host:gpu0, host:0
    on: str | None = None  # an agent's id, host or label; several with commas
    limit_s: float | None = None  # it is ended after that long
    kernel: str | None = None  # a kernelspec

    @property
    def needs(self) -> tuple[str, ...]:
        """What the agent has to be called or to have, all of it."""
        return asked(self.on, self.kernel)

    @property
    def size(self) -> int:
        """How many devices."""
        return self.gpu or 1

    @property
    def lasting(self) -> Shape:
        """The same for a run without a time limit."""
        return self if self.limit_s is None else self._replace(limit_s=None)


class Wanted(msgspec.Struct, frozen=True, gc=False):
    """A queued run: what it needs, and where it stands. Thousands are made for a round, so it is no dataclass."""

    run_id: str
    gpu: int
    priority: int
    seq: int
    owner: str = ""
    name: str = ""
    memory_bytes: int | None = None
    pin: str | None = None
    on: str | None = None
    limit_s: float | None = None
    after: tuple[str, ...] = ()  # names of the runs that have to finish first and have not
    expected_s: float | None = None  # how long it will take, by experience; only for forecasts
    session: str | None = None  # the warm kernel, of its owner, that it wants to run in
    kernel: str | None = None

    @property
    def shape(self) -> Shape:
        """What decides where it fits."""
        return Shape(
            self.gpu, None if self.gpu == 0 else self.memory_bytes, self.pin, self.on, self.limit_s, self.kernel
        )


class Holder(msgspec.Struct, frozen=True, gc=False):
    """An attempt that has not ended, on one of its devices; `memory_bytes` None: it has the device for itself."""

    run_id: str
    name: str = ""
    owner: str = ""
    memory_bytes: int | None = None
    left_s: float | None = None  # until it ends, by its progress
    limit_s: float | None = None  # until it is ended, by its time limit


#: By agent id and device id, who holds the device.
Held: TypeAlias = Mapping[tuple[str, str], Sequence[Holder]]


class Offer(msgspec.Struct, frozen=True, gc=False):
    """An agent as placement sees it. `locked` are the devices whose machine-wide lock somebody else has."""

    agent: Agent
    labels: frozenset[str] = frozenset()
    locked: frozenset[str] = frozenset()
    claiming: bool = True  # False: it was told to take no new runs

    @property
    def here(self) -> bool:
        """Whether its devices count at all."""
        return self.claiming and self.agent.health != "disconnected"

    def is_called(self, name: str) -> bool:
        """Whether `--on name` means this agent."""
        return name in (ANY_AGENT, self.agent.id, self.agent.host) or name in self.labels

    def has(self, needs: Iterable[str]) -> bool:
        """Whether it is called so, or has it, in each case."""
        return all(map(self.is_called, needs))

    def barred(self, device: Device) -> bool:
        """Whether nobody may use the device now, because somebody who is not in our queue does."""
        return device.id in self.locked or any(not process.ours for process in device.processes)


def names_of(agent: Agent, device: Device) -> set[str]:
    """All that a run may call a device by which it wants to be pinned to."""
    index = () if device.kind == "cpu" else (str(device.index),)
    return {device.id} | {f"{host}:{name}" for host in (agent.id, agent.host) for name in (device.label, *index)}


def capable(shape: Shape, offers: Iterable[Offer]) -> list[Offer]:
    """The agents that could serve such a run if all their devices were free; connected or not."""
    needs = shape.needs
    return [offer for offer in offers if offer.has(needs) and _suited(shape, offer.agent) >= shape.size]


def possible(shape: Shape, offers: Iterable[Offer]) -> bool:
    """Whether there is any such agent."""
    return any(capable(shape, [offer]) for offer in offers)


def _suited(shape: Shape, agent: Agent) -> int:
    return sum(
        suits(shape, device) and (shape.pin is None or shape.pin in names_of(agent, device)) for device in agent.devices
    )


def suits(shape: Shape, device: Device) -> bool:
    """Whether a device is of the right kind and has the memory."""
    if (device.kind == "cpu") != (shape.gpu == 0) or (device.kind == "mig" and shape.gpu > 1):
        return False  # a CUDA process sees one MIG slice, however many it is given
    return (
        shape.memory_bytes is None
        or device.memory_total_bytes is None
        or device.memory_total_bytes >= shape.memory_bytes
    )
