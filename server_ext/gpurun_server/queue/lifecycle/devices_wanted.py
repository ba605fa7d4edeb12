"""How many GPUs a run is given where it did not say, and what is told whoever wants what no agent has."""

from __future__ import annotations

from collections.abc import Sequence

from gpurun_jupyter.core.alternatives import Shortage, instead
from gpurun_jupyter.core.errors import NoSuchDevices
from gpurun_jupyter.core.labels import asked
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.secrets import needed_on
from gpurun_jupyter.core.units import format_size
from gpurun_server.queue.placement.lacking import is_ability, nobody_has_all
from gpurun_server.queue.placement.offers import Offer, Shape, possible


def gpus_wanted(spec: RunSpec, offers: Sequence[Offer]) -> int:
    """The number of GPUs, 0 for a CPU slot. Raises NoSuchDevices for what no agent could ever give.

    A kernel, framework or model that nobody has is none of that: it may be installed, and the run says that it waits.
    """
    needs = _needs(spec, offers)
    able = [offer for offer in offers if offer.has(needs)]
    gpu = spec.gpu if spec.gpu is not None else int(possible(_shape(spec, 1), able))
    if not offers and gpu == 0:
        return 0  # the local agent is on its way, or will be: it always has a CPU slot
    if not spec.wait_for_device and not possible(_shape(spec, gpu), able):
        whose = "No agent" if len(able) == len(offers) else "No agent that the run may go to"
        why = _nobody_has(spec, gpu, able, whose) if able or not needs else _nobody_is(needs, offers)
        raise NoSuchDevices(why, instead(_shortage(spec, gpu, able, offers), _conditions(spec)))
    return gpu


def _needs(spec: RunSpec, offers: Sequence[Offer]) -> tuple[str, ...]:
    """What counts of the run's needs now: not a kernel, framework or model that nobody has."""
    needs = asked(needed_on(spec), spec.kernel)
    return tuple(need for need in needs if not is_ability(need)) if nobody_has_all(needs, offers) else needs


def _shape(spec: RunSpec, gpu: int) -> Shape:
    """The devices alone."""
    return Shape(gpu, spec.gpu_mem_bytes if gpu else None, spec.device)


def _nobody_is(needs: Sequence[str], offers: Sequence[Offer]) -> str:
    there = ", ".join(offer.agent.id for offer in offers) or "no agent"
    unknown = [need for need in needs if not any(offer.is_called(need) for offer in offers)]
    named = repr(unknown[0]) if unknown else f"{' and '.join(map(repr, needs))} at the same time"
    return f"No agent is called or labelled {named} (there is {there})."


def _nobody_has(spec: RunSpec, gpu: int, able: Sequence[Offer], whose: str) -> str:
    there = ", ".join(f"{offer.agent.id} has {_has(offer, spec)}" for offer in able) or "there is no agent"
    if spec.device is not None and not possible(Shape(0, None, spec.device), able):
        return f"No agent has a device {spec.device!r} of that kind ({there})."
    memory = f" with {format_size(spec.gpu_mem_bytes)}" if spec.gpu_mem_bytes and gpu else ""
    wanted = f"{_count(gpu)}{memory} on one machine" if gpu else "a CPU slot"
    return f"{whose} has {wanted} ({there})."


def _has(offer: Offer, spec: RunSpec) -> str:
    """`2 GPUs`, or, where none has the memory that is wanted, `2 GPUs of 80 GB`."""
    enough = _most(offer, spec)
    sizes = {device.memory_total_bytes or 0 for device in offer.agent.devices if device.kind != "cpu"}
    if spec.gpu_mem_bytes is None or not sizes:
        return _count(enough)
    if enough:
        return f"{_count(enough)} with so much"
    return f"{_count(_gpus([offer]))} of {'at most ' if len(sizes) > 1 else ''}{format_size(max(sizes))}"


def _shortage(spec: RunSpec, gpu: int, able: Sequence[Offer], offers: Sequence[Offer]) -> Shortage:
    most = max((_most(offer, spec) for offer in able), default=0)
    return Shortage(gpu, most, _gpus(able), _gpus(offers), nowhere=bool(offers) and not able)


def _gpus(offers: Sequence[Offer]) -> int:
    return sum(device.kind != "cpu" for offer in offers for device in offer.agent.devices)


def _conditions(spec: RunSpec) -> list[str]:
    return [name for name in ("device", "gpu_mem", "on", "kernel") if getattr(spec, name)]


def _most(offer: Offer, spec: RunSpec) -> int:
    """How many GPUs the agent has with the memory that is wanted."""
    return next((count for count in range(len(offer.agent.devices), 0, -1) if _could(offer, count, spec)), 0)


def _could(offer: Offer, count: int, spec: RunSpec) -> bool:
    return possible(Shape(count, spec.gpu_mem_bytes), [offer])


def _count(gpus: int) -> str:
    return f"{gpus or 'no'} GPU{'' if gpus == 1 else 's'}"
