"""What to ask for in the place of devices that no machine has: the same words wherever a run cannot be placed."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

#: What every machine has, also one without a GPU.
CPU_SLOT = "--gpu 0"
_WAITING = "--wait-for-device to wait until a machine that has them joins"


class Shortage(NamedTuple):
    """How many GPUs a run wants, and what there is.

    `most` is how many that fit one machine could give; `allowed`, how many are on the machines that it may go to by
    `--on` and `--kernel`; `known`, how many on all. `nowhere`: no machine is called or labelled as `--on` says.
    """

    gpu: int
    most: int
    allowed: int
    known: int
    nowhere: bool = False


def instead(short: Shortage, given: Collection[str]) -> str:
    """`Use --gpu 0 to run on a CPU slot, or --wait-for-device to wait until a machine that has them joins.`

    `given` are the options that narrow it down, of device, gpu_mem, on, kernel. What surely helps comes first.
    """
    ways = [*_for_sure(short, given), *_fewer_conditions(short, given), _WAITING]
    return f"Use {', or '.join([', '.join(ways[:-1]), ways[-1]] if ways[1:] else ways)}."


def _for_sure(short: Shortage, given: Collection[str]) -> list[str]:
    if short.gpu and not short.allowed:
        in_the_way = [f"--{name}" for name in ("device", "on") if name in given and (name == "device" or short.nowhere)]
        without = f" without {' and '.join(in_the_way)}" if in_the_way else ""
        return [f"{CPU_SLOT}{without} to run on a CPU slot"]
    return [f"--gpu {short.most}"] if 0 < short.most < short.gpu else []


def _fewer_conditions(short: Shortage, given: Collection[str]) -> list[str]:
    """Those that keep away what there is; where no machine has a GPU, none of them does."""
    if short.gpu and not short.known:
        return []
    return [*(f"another --{name}" for name in ("device", "on", "kernel") if name in given), *_less_memory(short, given)]


def _less_memory(short: Shortage, given: Collection[str]) -> list[str]:
    return ["a smaller --gpu-mem"] if "gpu_mem" in given and short.gpu and short.allowed else []
