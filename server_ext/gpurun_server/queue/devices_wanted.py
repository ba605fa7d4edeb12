"""How many GPUs a run is given where it did not say, and what is told whoever wants what no agent has."""

from __future__ import annotations

from collections.abc import Sequence

from gpurun_jupyter.core.errors import NoSuchDevices
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.units import format_size
from gpurun_server.queue.placement.offers import Offer, Shape, possible


def gpus_wanted(spec: RunSpec, offers: Sequence[Offer]) -> int:
    """The number of GPUs, 0 for a CPU slot. Raises NoSuchDevices for what no agent could ever give."""
    gpu = spec.gpu if spec.gpu is not None else int(possible(_shape(spec, 1), offers))
    if not offers and gpu == 0:
        return 0  # the local agent is on its way, or will be: it always has a CPU slot
    if not spec.wait_for_device and not possible(_shape(spec, gpu), offers):
        raise NoSuchDevices(_nobody_has(spec, gpu, offers), _instead(spec, gpu, offers))
    return gpu


def _shape(spec: RunSpec, gpu: int) -> Shape:
    return Shape(gpu, spec.gpu_mem_bytes if gpu else None, spec.device, spec.on)


def _nobody_has(spec: RunSpec, gpu: int, offers: Sequence[Offer]) -> str:
    there = ", ".join(f"{offer.agent.host} has {_count(_most(offer, spec))}" for offer in offers) or "there is no agent"
    if spec.on is not None and not any(offer.is_called(spec.on) for offer in offers):
        return f"No agent is called or labelled {spec.on!r} ({there})."
    if spec.device is not None and not possible(Shape(0, None, spec.device), offers):
        return f"No agent has a device {spec.device!r} of that kind ({there})."
    memory = f" with {format_size(spec.gpu_mem_bytes)}" if spec.gpu_mem_bytes and gpu else ""
    return f"No agent has {_count(gpu)}{memory} on one machine ({there})."


def _instead(spec: RunSpec, gpu: int, offers: Sequence[Offer]) -> str:
    most = max((_most(offer, spec) for offer in offers), default=0)
    if most and most < gpu:
        first = f"Use --gpu {most}"
    elif spec.gpu_mem or spec.device or spec.on:
        first = "Ask for less, or leave --gpu-mem, --device or --on out"
    else:
        first = "Use --gpu 0 to run on a CPU slot"
    return f"{first}, or --wait-for-device to wait until a machine that has them joins."


def _most(offer: Offer, spec: RunSpec) -> int:
    """How many GPUs the agent has with the memory that is wanted."""
    return next((count for count in range(len(offer.agent.devices), 0, -1) if _could(offer, count, spec)), 0)


def _could(offer: Offer, count: int, spec: RunSpec) -> bool:
    return possible(Shape(count, spec.gpu_mem_bytes), [offer])


def _count(gpus: int) -> str:
    return f"{gpus or 'no'} GPU{'' if gpus == 1 else 's'}"
