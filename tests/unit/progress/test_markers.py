from __future__ import annotations

import pytest

from gpurun_jupyter.core.events import Metric, Output, Progress
from gpurun_jupyter.progress import Decoder


def feed(text: str) -> list[Output | Progress | Metric]:
    decoder = Decoder()
    return decoder.feed(text, "stdout") + decoder.flush()


@pytest.mark.parametrize(
    ("marker", "label", "done", "total"),
    [
        ("[PROGRESS:60:loading data]", "loading data", 60, 100),
        ("[PROGRESS:60]", "", 60, 100),
        ("[PROGRESS:0:]", "", 0, 100),
        ("[PROGRESS: 62.5 % : a: b ]", "a: b", 62.5, 100),
        ("[PROGRESS:3/10:epoch]", "epoch", 3, 10),
        ("[PROGRESS:3 / 10]", "", 3, 10),
    ],
)
def test_a_marker_is_progress_and_its_line_is_not_logged(marker: str, label: str, done: float, total: float) -> None:
    assert feed(f"before\n{marker}\nafter\n") == [
        Output(stream="stdout", text="before\n"),
        Progress(id="b1", label=label, done=done, total=total),
        Output(stream="stdout", text="after\n"),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[PROGRESS:]\n",
        "[PROGRESS:abc:text]\n",
        "[PROGRESS:101:text]\n",
        "[PROGRESS:-1:text]\n",
        "[PROGRESS:nan]\n",
        "[PROGRESS:5/0]\n",
        "[PROGRESS:5/3]\n",
        "[PROGRESS:60:no end\n]",
        "[PROGRESS:60",
        "[PROGRESS:60:" + "x" * 500 + "]",
        "[PROGRESS 60]",
    ],
)
def test_a_malformed_marker_is_ordinary_text(text: str) -> None:
    assert feed(text) == [Output(stream="stdout", text=text)]


def test_a_marker_between_other_text_leaves_that_text() -> None:
    assert feed("a [PROGRESS:5:x] b\n[PROGRESS:6:x][PROGRESS:7:x]\nc") == [
        Output(stream="stdout", text="a "),
        Progress(id="b1", label="x", done=5, total=100),
        Output(stream="stdout", text=" b\n"),
        Progress(id="b1", label="x", done=6, total=100),
        Progress(id="b1", label="x", done=7, total=100),
        Output(stream="stdout", text="c"),
    ]


def test_a_marker_may_carry_values() -> None:
    assert feed("[PROGRESS:3/10:fold 1:loss=0.25, acc=9e-1]\n") == [
        Progress(id="b1", label="fold 1", done=3, total=10),
        Metric(step=3, values={"loss": 0.25, "acc": 0.9}),
    ]


def test_all_markers_are_one_bar_also_across_streams() -> None:
    decoder = Decoder()
    events = decoder.feed("[PROGRESS:5:load]\n", "stdout") + decoder.feed("[PROGRESS:50:train]\n", "stderr")
    assert [event.id for event in events if isinstance(event, Progress)] == ["b1", "b1"]


def test_a_marker_printed_behind_a_bar_is_found() -> None:
    events = feed("\r 50%|###   | 5/10 [00:01<00:01,  5.00it/s][PROGRESS:60:x]\n")
    assert [event.done for event in events if isinstance(event, Progress)] == [5, 60]
