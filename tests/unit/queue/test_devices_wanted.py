"""What is refused at once, and what may wait: a kernel may be installed at any time, a name is known or it is not."""

from __future__ import annotations

import pytest
from placements import TOTAL, gpu, offer, slot

from gpurun_jupyter.core.errors import NoSuchDevices
from gpurun_jupyter.core.runs import RunSpec
from gpurun_server.queue.lifecycle.devices_wanted import gpus_wanted
from gpurun_server.queue.placement.offers import Offer

LAB = offer("lab", [gpu(0), slot(0)], labels=frozenset({"kernel:python3", "a100"}))
DESK = offer("desk", [slot(0)], labels=frozenset({"kernel:python3", "kernel:ir", "framework:torch"}))


@pytest.mark.parametrize(
    ("asked", "gpus"),
    [
        ({}, 1),
        ({"kernel": "python3"}, 1),
        ({"kernel": "ir"}, 0),  # who has it has no GPU
        ({"on": "framework:torch"}, 0),
        ({"kernel": "julia"}, 1),  # nobody has it: it waits for whoever gets it
        ({"on": "framework:jax,a100"}, 1),
        ({"on": "model:org/llama", "gpu": 0}, 0),
        ({"on": "a100,framework:torch"}, 1),  # nobody has both
    ],
)
def test_how_many_gpus(asked: dict[str, str], gpus: int) -> None:
    assert gpus_wanted(RunSpec(code="1", **asked), [LAB, DESK]) == gpus


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"on": "labb"}, "No agent is called or labelled 'labb' (there is lab, desk)."),
        (
            {"on": "desk,a100"},
            "No agent is called or labelled 'desk' and 'a100' at the same time (there is lab, desk).",
        ),
        ({"kernel": "ir", "gpu": 1}, "No agent that the run may go to has 1 GPU on one machine (desk has no GPUs)."),
        ({"gpu": 2}, "No agent has 2 GPUs on one machine (lab has 1 GPU, desk has no GPUs)."),
        (
            {"gpu_mem": "100G", "gpu": 1},
            "No agent has 1 GPU with 100 GB on one machine (lab has 1 GPU of 40.0 GB, desk has no GPUs).",
        ),
        (
            {"gpu_mem": "30G", "gpu": 2},
            "No agent has 2 GPUs with 30.0 GB on one machine (lab has 1 GPU with so much, desk has no GPUs).",
        ),
    ],
)
def test_refused(asked: dict[str, object], why: str) -> None:
    with pytest.raises(NoSuchDevices) as refused:
        gpus_wanted(RunSpec(code="1", **asked), [LAB, DESK])
    assert str(refused.value).startswith(why)


def test_the_biggest_gpu_of_a_machine_is_named_where_none_is_big_enough() -> None:
    mixed = offer("vm", [gpu(0), gpu(1, total=2 * TOTAL), slot(0)])
    with pytest.raises(NoSuchDevices, match=r"\(vm has 2 GPUs of at most 80\.0 GB\)"):
        gpus_wanted(RunSpec(code="1", gpu=1, gpu_mem="100G"), [mixed])


@pytest.mark.parametrize(
    ("asked", "offers", "hint"),
    [
        ({"gpu": 1}, [DESK], "Use --gpu 0 to run on a CPU slot, or --wait-for-device to wait until a machine "),
        # the notebook's own kernel is always named, and is not in the way
        ({"gpu": 1, "kernel": "python3"}, [DESK], "Use --gpu 0 to run on a CPU slot, or --wait-for-device "),
        ({"gpu": 2, "gpu_mem": "10G"}, [DESK], "Use --gpu 0 to run on a CPU slot, or --wait-for-device "),
        ({"gpu": 1, "device": "desk:0"}, [DESK], "Use --gpu 0 without --device to run on a CPU slot, or "),
        ({"gpu": 1, "on": "desk"}, [DESK], "Use --gpu 0 to run on a CPU slot, or --wait-for-device "),
        ({"gpu": 1, "on": "fast"}, [DESK], "Use --gpu 0 without --on to run on a CPU slot, or --wait-for-device "),
        ({"gpu": 1, "kernel": "ir"}, [LAB, DESK], "Use --gpu 0 to run on a CPU slot, another --kernel, or --wait"),
        ({"gpu": 1, "on": "desk"}, [LAB, DESK], "Use --gpu 0 to run on a CPU slot, another --on, or --wait-for"),
        ({"gpu": 2}, [LAB, DESK], "Use --gpu 1, or --wait-for-device "),
        ({"gpu": 1, "gpu_mem": "900G"}, [LAB, DESK], "Use a smaller --gpu-mem, or --wait-for-device "),
        ({"gpu": 1, "device": "lab:7"}, [LAB, DESK], "Use another --device, or --wait-for-device "),
        ({"gpu": 0, "on": "fast"}, [LAB, DESK], "Use another --on, or --wait-for-device "),
        ({"gpu": 1}, [], "Use --gpu 0 to run on a CPU slot, or --wait-for-device "),
    ],
)
def test_what_to_ask_for_instead(asked: dict[str, object], offers: list[Offer], hint: str) -> None:
    with pytest.raises(NoSuchDevices) as refused:
        gpus_wanted(RunSpec(code="1", **asked), offers)
    assert refused.value.hint.startswith(hint), refused.value
    assert refused.value.hint.endswith("--wait-for-device to wait until a machine that has them joins.")
