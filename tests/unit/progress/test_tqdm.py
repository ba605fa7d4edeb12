from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tqdm import tqdm

from gpurun_jupyter.core.events import Metric, Output, Progress
from gpurun_jupyter.progress import Decoder
from gpurun_jupyter.progress.readers.tqdm import read

HERE = Path(__file__).parent
Events = list[Output | Progress | Metric]


def decode(text: str) -> Events:
    decoder = Decoder()
    return decoder.feed(text, "stderr") + decoder.flush()


def recorded(name: str) -> Events:
    return decode((HERE / f"tq_{name}-pty.bin").read_bytes().decode())


def lines(events: Events) -> list[str]:
    text = "".join(event.text for event in events if isinstance(event, Output))
    return [re.sub(r"\|[^|]*\|", "", line) for line in text.splitlines()]


def bars(events: Events) -> list[Progress]:
    return [event for event in events if isinstance(event, Progress)]


def last(events: Events) -> dict[str, tuple[str, float, float | None]]:
    return {bar.id: (bar.label, bar.done, bar.total) for bar in bars(events)}


def test_one_bar_after_the_other() -> None:
    events = recorded("plain")
    assert lines(events) == [
        "epoch 1/2: 100% 40/40 [00:01<00:00, 32.37it/s, loss=0.025]",
        "100% 10/10 [00:00<00:00, 32.97it/s]",
    ]
    assert last(events) == {"b1": ("epoch 1/2", 40, 40), "b2": ("", 10, 10), "epochs": ("epochs", 1, 2)}
    losses = [event.values["loss"] for event in events if isinstance(event, Metric)]
    assert len(losses) == 40
    assert losses[0] == 1
    assert losses[-1] == 0.025


def test_nested_bars_with_a_written_line_between() -> None:
    events = recorded("nested")
    assert lines(events) == [
        "a written line",
        "epochs: 100% 3/3 [00:01<00:00,  2.18it/s]",
        "keep 0: 100% 10/10 [00:00<00:00, 32.73it/s]",
        "keep 1: 100% 10/10 [00:00<00:00, 32.65it/s]",
        "epochs: 100% 2/2 [00:00<00:00,  3.26it/s]",
    ]
    assert last(events) == {"b1": ("epochs", 2, 2), "b2": ("train 2", 15, 15), "b3": ("keep 1", 10, 10)}
    assert {bar.id: bar.parent for bar in bars(events)} == {"b1": None, "b2": "b1", "b3": "b1"}


def test_unknown_totals_and_scaled_numbers() -> None:
    events = recorded("unknown")
    assert lines(events) == [
        "stream: 40it [00:01, 33.00it/s]",
        "download: 100% 3.00M/3.00M [00:00<00:00, 3.23MB/s]",
        "100% 2.00M/2.00M [00:00<00:00, 3.64Mit/s]",
        "100% 20/20 [00:00<00:00, 49.00it/s]",
        "disable=None: 100% 20/20 [00:00<00:00, 49.12it/s]",
    ]
    stream, download = bars(events)[10], bars(events)[-20:]
    assert (stream.label, stream.done, stream.total, stream.rate) == ("stream", 40, None, 33.04)
    assert any((bar.label, bar.done, bar.rate) == ("download", 3e6, 3.23e6) for bar in bars(events)), download


def test_tqdm_write_and_print_do_not_break_bars() -> None:
    assert lines(recorded("write")) == [
        *("wrote 0", "printed 0", "wrote 1", "printed 1"),
        "outer: 100% 2/2 [00:00<00:00,  5.51it/s]",
    ]
    events = recorded("print")
    assert [line for line in lines(events) if "%" not in line] == [
        "hello 0",
        "hello 1",
        "12it [00:00, 680157.41it/s]",
        "end",
    ]
    assert {bar.id: bar.parent for bar in bars(events)} == {"b1": None, "b2": "b1", "b3": None, "b4": None}


def test_a_bar_is_told_of_before_its_frame_ends() -> None:
    decoder = Decoder()
    assert decoder.feed("\rx:  30%|##    | 3/10 [00:03<00:07,  1.50s/it, loss=0.5]", "stderr") == [
        Progress(id="b1", label="x", done=3, total=10, rate=1 / 1.5, left_s=7, by="bars/tqdm"),
        Metric(step=3, values={"loss": 0.5}, by="bars/tqdm"),
    ]
    assert decoder.feed("\n", "stderr") == []
    assert lines(decoder.flush()) == ["x:  30% 3/10 [00:03<00:07,  1.50s/it, loss=0.5]"]


def test_a_bar_that_text_replaces_is_logged_before_it() -> None:
    assert lines(decode("\r 50%|##  | 1/2 [00:01<00:01,  1.00it/s]\rdone\n")) == [
        " 50% 1/2 [00:01<00:01,  1.00it/s]",
        "done",
    ]


def test_a_bar_after_an_open_line_begins_a_line() -> None:
    assert lines(decode("loading\r100%|####| 2/2 [00:01<00:00,  2.00it/s]\n")) == [
        "loading",
        "100% 2/2 [00:01<00:00,  2.00it/s]",
    ]


def test_an_interrupted_bar_is_logged_at_the_end() -> None:
    assert lines(decode("\r 50%|##  | 1/2 [00:01<00:01,  1.00it/s]")) == [" 50% 1/2 [00:01<00:01,  1.00it/s]"]


def test_a_changing_description_is_the_same_bar() -> None:
    events = decode("".join(f"\rloss {1 / n:.2f}:  {n}0%|#  | {n}/10 [00:01<00:01,  5it/s]" for n in range(1, 9)))
    assert {bar.id for bar in bars(events)} == {"b1"}


def test_side_by_side_bars_are_no_parents() -> None:
    rows = "".join(f"{chr(10) * n}\rgpu {n}:   0%|   | 0/9 [00:00<?, ?it/s]" + "\x1b[A" * n for n in range(3))
    assert {bar.id: bar.parent for bar in bars(decode(rows))} == {"b1": None, "b2": None, "b3": None}


def test_steps_go_on_where_a_bar_begins_again() -> None:
    epochs = "".join(
        f"\rtrain {epoch}: {n}0%|#  | {n}/10 [00:01<00:01,  5it/s, loss={epoch}.{n}]{chr(10) * (n == 10)}"
        for epoch in (1, 2)
        for n in (5, 10)
    )
    assert [event.step for event in decode(epochs) if isinstance(event, Metric)] == [5, 10, 15, 20]


@pytest.mark.parametrize(
    ("postfix", "values"),
    [
        ("loss=0.1, acc=0.9", {"loss": 0.1, "acc": 0.9}),
        ("lr=1e-4, v_num=0", {"lr": 1e-4}),
        ("v_num=3x7f, loss=0.5", {"loss": 0.5}),
        ("loss=-inf, acc=0.9", {"loss": -math.inf, "acc": 0.9}),
        ("loss=0.1, stage=warm", {}),
        ("best of 3", {}),
        ("mem=3.2G", {}),
    ],
)
def test_postfixes(postfix: str, values: dict[str, float]) -> None:
    reading = read(f" 30%|##    | 3/10 [00:03<00:07,  1.50s/it, {postfix}]")
    assert reading
    assert reading.values == values


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "text",
        "50% done",
        "[00:01] 5/10",
        "a|b| 3/10",
        "[INFO, 3it/s]",
        "values [1, 2/3]",
        "x [00:00, 1it/s]",
    ],
)
def test_what_is_no_bar(frame: str) -> None:
    assert read(frame) is None


@pytest.mark.parametrize(
    ("frame", "done", "total"),
    [
        ("43%|####      ", 43, 100),
        ("[train] e 1:  43%|####      | 43/90", 43, 90),
        ("x:  43%|####      | 43/90 [00:04<00:06, 9.1", 43, 90),
        ("x:  43% 43/90 [00:04<00:06, 9.1it/s]", 43, 90),
    ],
)
def test_what_a_narrow_terminal_or_another_format_leaves(frame: str, done: float, total: float) -> None:
    reading = read(frame)
    assert reading
    assert (reading.done, reading.total) == (done, total)


@given(
    n=st.integers(0, 10**9),
    total=st.integers(1, 10**9) | st.none(),
    elapsed=st.floats(0.01, 10**6),
    label=st.sampled_from(["", "train", "[val] epoch 3", "50% drop", "a: b"]),
    unit=st.sampled_from(["it", "B", "batch", " img", "Example", "kg"]),
    scale=st.booleans(),
)
def test_what_tqdm_itself_formats_is_read_back(n, total, elapsed, label, unit, scale) -> None:
    has_end = total is not None and n <= total
    assume(not scale or unit in ("it", "B", " img") or (has_end and unit != "kg"))  # 100kg may be 100k of g
    line = tqdm.format_meter(n, total, elapsed, ncols=100, prefix=label, unit=unit, unit_scale=scale)
    reading = read(line)
    assert reading, line
    shown_total = None if total is None or n >= total + 0.5 else total
    assert reading.label == label
    assert math.isclose(reading.done, n, rel_tol=0.006 if scale else 1e-9), line
    assert (reading.total is None) == (shown_total is None)
    if shown_total and not scale:
        assert reading.total == shown_total
    if n and not scale and reading.rate:
        assert math.isclose(reading.rate, n / elapsed, rel_tol=0.02, abs_tol=0.02), line
