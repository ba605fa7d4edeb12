from __future__ import annotations

import pytest
from hypothesis import given
from placements import GIB, gpu, offer, situations, slot, started

from gpurun_jupyter.core.devices import Agent, DeviceProcess
from gpurun_jupyter.core.runs import Waiting
from gpurun_server.queue.placement.blockers import about, listed
from gpurun_server.queue.placement.offers import Held, Holder, Offer, Wanted
from gpurun_server.queue.placement.plan import plan
from gpurun_server.queue.placement.waiting import outlooks

BERT = Holder("h1", "bert-ft", left_s=240.0)
ANNA = DeviceProcess(pid=4312, user="anna")


def why(queue: list[Wanted], offers: list[Offer], held: Held, **more: object) -> dict[str, str]:
    return {run_id: one.why for run_id, one in outlooks(queue, offers, held, **more).items()}


def one(wanted: Wanted, offers: list[Offer], held: Held | None = None) -> Waiting:
    return outlooks([wanted], offers, held or {})[wanted.run_id]


@given(situations())
def test_every_queued_run_is_told_its_place_and_a_reason(given_: tuple[list[Wanted], list[Offer], Held]) -> None:
    queue, offers, held = given_
    told = outlooks(queue, offers, held, engines={"ray"})
    assert set(told) == {wanted.run_id for wanted in queue}
    for line in (True, False):
        places = [told[wanted.run_id].position for wanted in queue if (wanted.gpu == 0) == line]
        assert sorted(places) == list(range(1, len(places) + 1))
    assert all(outlook.why for outlook in told.values())
    ranks = {run_id: outlook.position for run_id, outlook in told.items()}
    for first in queue:
        for later in queue:
            if (first.gpu == 0) == (later.gpu == 0) and first.priority > later.priority:
                assert ranks[first.run_id] < ranks[later.run_id]


@given(situations())
def test_whoever_is_told_to_start_now_is_placed_if_he_is_first(
    given_: tuple[list[Wanted], list[Offer], Held],
) -> None:
    queue, offers, held = given_
    for wanted in queue:
        outlook = one(wanted, offers, held)
        placed = plan([wanted], offers, held).placements
        assert (outlook.starts_in_s == 0) == bool(placed) == outlook.why.endswith("starts now")


def test_the_holders_of_its_devices_are_named() -> None:
    there = offer("lab", [gpu(0), gpu(1, processes=[ANNA])])
    assert one(Wanted("r", 1, 0, 1), [there], {("lab", "GPU-lab-0"): [BERT]}) == Waiting(
        1, "waits for 1 GPU: gpu0 is held by «bert-ft» (about 4 min left), gpu1 by pid 4312 (anna, not ours)", 240.0
    )


def test_several_agents_are_told_apart_and_the_soonest_are_named_first() -> None:
    offers = [offer("lab", 2), offer("zoo", 2, locked=frozenset({"GPU-zoo-1"}))]
    held = {
        ("lab", "GPU-lab-0"): [Holder("h1", "a", left_s=7200.0)],
        ("lab", "GPU-lab-1"): [Holder("h2", "b", left_s=30.0), Holder("h3", "c")],
        ("zoo", "GPU-zoo-0"): [Holder("h4", "d", limit_s=600.0)],
    }
    assert one(Wanted("r", 1, 0, 1), offers, held).why == (
        "waits for 1 GPU: zoo:gpu0 is held by «d» (at most 10 min left), lab:gpu0 by «a» (about 2 h left), "
        "lab:gpu1 by «b» (about 30 s left) and 1 more, and 1 more"
    )


def test_devices_kept_for_a_bigger_run_are_said_to_be() -> None:
    queue = [Wanted("big", 2, 0, 1, name="resnet"), Wanted("small", 1, 0, 2), Wanted("next", 1, 0, 3)]
    told = why(queue, [offer("lab", 2)], {("lab", "GPU-lab-0"): [BERT]})
    assert told == {
        "big": "waits for 2 GPUs on one machine: gpu0 is held by «bert-ft» (about 4 min left)",
        "small": "waits for 1 GPU: gpu0 is held by «bert-ft» (about 4 min left), gpu1 is kept for «resnet»",
        "next": "waits for 1 GPU: gpu0 is held by «bert-ft» (about 4 min left), gpu1 is kept for «resnet»",
    }


def test_who_waits_only_because_the_first_takes_the_last_device_is_told_so() -> None:
    told = why([Wanted("first", 1, 0, 1, name="first"), Wanted("second", 1, 0, 2)], [offer("lab", 1)], {})
    assert told == {
        "first": "1 GPU is free; it starts now",
        "second": "waits for 1 GPU: gpu0 is kept for «first»",
    }


def test_starts_follow_the_ends_of_holders_in_the_order_of_the_queue() -> None:
    held = {
        ("lab", "GPU-lab-0"): [Holder("h1", left_s=240.0)],
        ("lab", "GPU-lab-1"): [Holder("h2", left_s=600.0)],
    }
    queue = [Wanted(f"r{seq}", 1, 0, seq, expected_s=100.0 if seq == 1 else None) for seq in range(1, 5)]
    told = outlooks(queue, [offer("lab", 2)], held)
    assert [told[f"r{seq}"].starts_in_s for seq in range(1, 5)] == [240.0, 340.0, 600.0, None]


def test_sharers_are_forecast_by_the_memory_that_comes_free() -> None:
    held = {
        ("lab", "GPU-lab-0"): [Holder("h1", memory_bytes=15 * GIB, left_s=60.0), Holder("h2", memory_bytes=20 * GIB)]
    }
    queue = [Wanted(f"r{seq}", 1, 0, seq, memory_bytes=10 * GIB) for seq in range(1, 4)]
    told = outlooks(queue, [offer("lab", 1)], held)
    assert [told[f"r{seq}"].starts_in_s for seq in range(1, 4)] == [60.0, 60.0, None]
    assert told["r1"].why == "waits for 1 GPU with 10 GB free: gpu0 is held by «h1» (about 1 min left) and 1 more"


def test_owners_alternate_in_the_queue() -> None:
    queue = [Wanted(f"{owner}{seq}", 1, 0, seq, owner) for seq, owner in enumerate("AAAB")]
    told = outlooks(queue, [offer("lab", 1)], {("lab", "GPU-lab-0"): [Holder("h", owner="B")]})
    assert sorted(told, key=lambda run_id: told[run_id].position) == ["A0", "B3", "A1", "A2"]


def test_runs_that_wait_for_other_runs_or_engines_say_so() -> None:
    queue = [Wanted("a", 1, 0, 1, after=("prep", "clean")), Wanted("b", 1, 0, 2, on="ray")]
    assert why(queue, [offer("lab", 1)], {}, engines={"ray"}) == {
        "a": "waits for «prep» and «clean» to finish",
        "b": "waits for ray to place it",
    }


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (
            Wanted("r", 8, 0, 1),
            "waits for 8 GPUs on one machine: no agent that is here has them; it starts when one that does joins",
        ),
        (
            Wanted("r", 1, 0, 1, memory_bytes=60 * GIB),
            "waits for 1 GPU with 60 GB free: no agent that is here has it; it starts when one that does joins",
        ),
        (
            Wanted("r", 1, 0, 1, on="a100"),
            "waits for 1 GPU on a100: no agent is called or labelled «a100»; it starts when one joins",
        ),
        (Wanted("r", 3, 0, 1), "waits for 3 GPUs on one machine: node7 has them, but has not been heard for 3 min"),
        (Wanted("r", 1, 0, 1, pin="quiet:0"), "waits for quiet:0: quiet has it, but takes no new runs"),
        (
            Wanted("r", 0, 0, 1),
            "waits for a CPU slot: no agent that is here has it; it starts when one that does joins",
        ),
    ],
)
def test_a_run_that_nobody_can_serve_says_what_is_missing(wanted: Wanted, sentence: str) -> None:
    far = Offer(Agent("node7", "node7", "1", "disconnected", 180.0, [gpu(index, "node7") for index in range(4)]))
    offers = [offer("lab", 2), far, offer("quiet", 1, claiming=False)]
    assert one(wanted, offers) == Waiting(1, sentence, None)
    assert one(wanted, []).why == "no agent is connected; it starts when one is"


def test_where_no_machine_has_a_gpu_a_cpu_slot_is_named_first() -> None:
    offers = [offer("desk", [slot(0)], labels=frozenset({"kernel:python3"}))]
    assert one(Wanted("r", 1, 0, 1, kernel="python3"), offers).why == (
        "waits for 1 GPU with the kernel 'python3': no agent that is here has it; with --gpu 0 it would run on a CPU "
        "slot, else it starts when one that does joins"
    )


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            {"kernel": "R-4.3"},
            "the kernel 'r-4.3': box-a and box-b have python3 only, box-c has ir and r-4.2; did ",
        ),
        (
            {"on": "framework:tensorflow"},
            "the framework 'tensorflow': box-a has torch only, box-b and box-c have no fram",
        ),
        ({"on": "model:llama"}, "the model 'llama': box-a, box-b and box-c have no model"),
        (
            {"on": "framework:torch", "kernel": "ir"},
            "the framework 'torch' and the kernel 'ir': box-a lacks the kernel 'ir', box-b lacks the framework 'torch' "
            "and the kernel 'ir', box-c lacks the framework 'torch'",
        ),
        (
            {"on": "framework:jax,model:llama"},
            "the framework 'jax' and the model 'llama': box-a lacks the framework 'jax' and the model 'llama', ",
        ),
    ],
)
def test_a_kernel_a_framework_or_a_model_that_nobody_has(asked: dict[str, str], sentence: str) -> None:
    labels = [{"kernel:python3", "framework:torch", "x"}, {"kernel:python3"}, {"kernel:ir", "kernel:r-4.2"}]
    offers = [offer(f"box-{host}", 1, labels=frozenset(own)) for host, own in zip("abc", labels, strict=True)]
    told = one(Wanted("r", 1, 0, 1, **asked), offers)
    assert told.why.startswith(f"waits for a machine with {sentence}")
    assert told.starts_in_s is None
    assert not plan([Wanted("r", 1, 0, 1, **asked)], offers, {}).placements


def test_who_has_the_kernel_but_not_the_devices_or_is_out_of_sight_is_said() -> None:
    far = offer("far", 1, "disconnected", labels=frozenset({"kernel:ir"}))
    busy = offer("lab", 1, labels=frozenset({"kernel:python3"}))
    assert one(Wanted("r", 1, 0, 1, kernel="ir"), [busy, far]).why == (
        "waits for 1 GPU: far has it, but has not been heard for 1 s"
    )
    assert one(Wanted("r", 2, 0, 1, kernel="python3"), [busy]).why == (
        "waits for 2 GPUs on one machine with the kernel 'python3': no agent that is here has them; it starts when one "
        "that does joins"
    )


def test_a_run_goes_where_all_is_that_it_asks_for() -> None:
    offers = [
        offer("a", 1, labels=frozenset({"kernel:ir", "framework:torch"})),
        offer("b", 1, labels=frozenset({"kernel:ir", "big"})),
        offer("c", 1, labels=frozenset({"kernel:ir", "framework:torch", "big"})),
    ]
    queue = [Wanted("r", 1, 0, 1, on="big,framework:torch", kernel="ir"), Wanted("s", 1, 0, 2, kernel="IR", on="b")]
    assert {made.run_id: made.agent_id for made in plan(queue, offers, {}).placements} == {"r": "c", "s": "b"}


def test_only_those_asked_for_are_told() -> None:
    queue = [Wanted(f"r{seq}", 1, 0, seq) for seq in range(5)]
    assert outlooks(queue, [offer("lab", 1)], {}, only={"r3"})["r3"].position == 4


def test_the_outlook_agrees_with_the_round() -> None:
    queue = [Wanted("big", 4, 0, 1), *(Wanted(f"r{seq}", 1, 0, seq, memory_bytes=5 * GIB) for seq in range(2, 9))]
    offers = [offer("a", 4), offer("b", 1)]
    held = {("a", "GPU-a-0"): [Holder("h", left_s=60.0)]}
    told = outlooks(queue, offers, held)
    now = {run_id for run_id, outlook in told.items() if outlook.starts_in_s == 0}
    assert now == set(started(plan(queue, offers, held)))


def test_words() -> None:
    assert [about(seconds) for seconds in (0.2, 59, 61, 5000, 200_000)] == ["1 s", "59 s", "1 min", "1 h", "2 d"]
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcde")) == "a, b, c and 2 more"
