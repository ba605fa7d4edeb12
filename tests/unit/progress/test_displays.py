"""Live displays, the terminal's own progress, managers' lines, epochs: text in, events out."""

from __future__ import annotations

import pytest

from gpurun_jupyter.core.events import Meta, Metric, Output, Progress
from gpurun_jupyter.progress import Decoder

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def row(label: str, percent: int) -> str:
    return f"{label} ━━━━━━━━━━━━ {percent}% 0:00:01"


def frame(*rows: str, erase: int) -> str:
    return "\r\x1b[2K" + "\x1b[1A\x1b[2K" * (erase - 1) + "\n".join(rows)


def feed(*texts: str) -> list:
    decoder = Decoder()
    return [event for text in texts for event in decoder.feed(text, "stdout")] + decoder.flush()


def text_of(events: list) -> str:
    return "".join(event.text for event in events if isinstance(event, Output))


def last(events: list) -> dict[str, tuple[str | None, str, float, float | None]]:
    return {e.id: (e.parent, e.label, e.done, e.total) for e in events if isinstance(e, Progress)}


def test_a_display_of_two_rows_with_lines_printed_above() -> None:
    events = feed(
        HIDE,
        frame(row("epochs", 0), row("train", 10), erase=1),
        frame("a line", row("epochs", 0), row("train", 90), erase=2),
        frame("another", row("epochs", 50), row("train", 0), erase=2),
        frame(row("epochs", 50), row("train", 10), erase=2),
        f"\n{SHOW}after\n",
    )
    assert text_of(events) == f"a line\nanother\n{row('epochs', 50)}\n{row('train', 10)}\nafter\n"
    assert last(events) == {"b1": (None, "epochs", 50, 100), "b2": ("b1", "train", 10, 100)}


def test_a_display_that_is_wiped_leaves_nothing() -> None:
    assert text_of(feed("before\n", HIDE, frame(row("x", 5), erase=1), f"\r\x1b[2K{SHOW}after\n")) == "before\nafter\n"


def test_a_spinner_is_logged_once() -> None:
    frames = [frame(f"{spin} working", erase=1) for spin in "⠋⠙⠹⠸⠼"]
    assert text_of(feed(HIDE, *frames, f"\n{SHOW}")) == "⠼ working\n"


def test_a_program_that_only_hides_the_cursor_is_heard_at_once() -> None:
    decoder = Decoder()
    assert text_of(decoder.feed(f"{HIDE}one\n{{'loss': 0.5}}\n> ", "stdout")) == "one\n{'loss': 0.5}\n"
    assert text_of(decoder.flush()) == ">\n"
    assert Metric(values={"loss": 0.5}, by="lines/prose") in feed(f"{HIDE}{{'loss': 0.5}}\n")


def test_lines_above_a_display_come_when_it_is_quiet() -> None:
    decoder = Decoder()
    assert decoder.feed(HIDE + frame("printed", row("x", 5), erase=1), "stdout") == []
    assert text_of(decoder.idle()) == "printed\n"


def test_an_unfinished_marker_is_shown_when_it_is_quiet() -> None:
    decoder = Decoder()
    assert decoder.feed("list: [", "stdout") == [Output(stream="stdout", text="list: ")]
    assert decoder.idle() == [Output(stream="stdout", text="[")]


def test_a_display_that_is_killed_is_logged() -> None:
    assert text_of(feed(HIDE, frame(row("x", 5), erase=1))) == f"{row('x', 5)}\n"


def test_what_a_display_holds_is_bounded() -> None:
    decoder = Decoder()
    long = decoder.feed(HIDE + "x" * 50_000, "stdout") + decoder.feed("\nline" * 5000, "stdout")
    assert sum(len(event.text) for event in long) > 60_000


def test_the_terminals_own_progress_is_taken_out_of_the_text() -> None:
    events = feed("a\x1b]9;4;1;50\x07b\x1b]9;4;1;7", "5\x1b\\c\x1b]9;4;0;\x07\n")
    assert text_of(events) == "abc\n"
    assert [event.done for event in events if isinstance(event, Progress)] == [50, 75]


@pytest.mark.parametrize(
    "text", ["\x1b]9;done\x07\n", "\x1b]9;4;1;500\x07"[:7], "\x1b]0;title\x07x", "\x1b[31mred\x1b[0m\n"]
)
def test_other_sequences_stay(text: str) -> None:
    assert text_of(feed(text)) == text
    assert not last(feed(text))


def test_a_managers_progress() -> None:
    line = '{"current": 30, "total": 100, "message": "train", "epoch": 2, "total_epochs": 5, "loss": 0.5}'
    events = feed(f"before\nVTM_PROGRESS::{line}\nafter\n")
    assert text_of(events) == "before\nafter\n"
    assert last(events) == {"b1": ("epochs", "train", 30, 100), "epochs": (None, "epochs", 1, 5)}
    assert [event.values for event in events if isinstance(event, Metric)] == [{"loss": 0.5}]


def test_a_managers_values_may_be_what_python_writes_for_nan() -> None:
    line = '{"current": 3, "total": 9, "loss": NaN, "metrics": {"low": -Infinity, "note": "Infinite"}}'
    events = feed(f"VTM_PROGRESS::{line}\n")
    assert last(events)["b1"][2:] == (3, 9)
    assert [event.values for event in events if isinstance(event, Metric)] == [{"loss": "NaN", "low": "-Infinity"}]
    assert feed('VTM_RUN_META::{"best": NaN}\n') == [Meta(values={"best": "NaN"})]


def test_a_bar_that_is_drawn_again_with_nan_tells_it_once() -> None:
    draws = [f"\rtrain: {n}0%|#  | {n}/10 [00:01<00:01,  5it/s, loss=nan]" for n in (4, 5, 6)]
    assert [event.values for event in feed(*draws) if isinstance(event, Metric)] == [{"loss": "NaN"}]


@pytest.mark.parametrize(
    ("line", "done", "total"),
    [
        ('{"percent": 25}', 25, 100),
        ('{"progress": 0.25}', 25, 100),
        ('{"step": 3, "max_steps": 9}', 3, 9),
        ('{"epoch": 2, "epochs": 8}', 2, 8),
        ('{"done": 1, "total": 4, "percent": 99}', 1, 4),
    ],
)
def test_spellings_of_a_managers_progress(line: str, done: float, total: float) -> None:
    assert last(feed(f"VTM_PROGRESS::{line}\n"))["b1"][2:] == (done, total)


@pytest.mark.parametrize(
    "text",
    [
        "VTM_PROGRESS::\n",
        "VTM_PROGRESS::{}\n",
        "VTM_PROGRESS::[1]\n",
        "VTM_PROGRESS::{'current': 1}\n",
        'VTM_PROGRESS::{"current": 5, "total": 3}\n',
        'VTM_PROGRESS::{"current": true, "total": 3}\n',
        'VTM_PROGRESS::{"percent": 1e999}\n',
        'VTM_PROGRESS::{"current": NaN, "total": 3}\n',
        'VTM_PROGRESS::{"current": 1, "total": 3, "x": NaN\n',
        'x VTM_PROGRESS::{"percent": 5}\n',
        "VTM_RUN_META::5\n",
        "VTM_PROGRESS::" + "[" * 9000 + "\n",
    ],
)
def test_a_malformed_managers_line_is_ordinary_text(text: str) -> None:
    assert feed(text) == [Output(stream="stdout", text=text)]


def test_facts_about_the_run() -> None:
    events = feed('VTM_RUN_META::{"mlflow_run_id": "ab12", "tags": ["x"]}')
    assert events == [Meta(values={"mlflow_run_id": "ab12", "tags": ["x"]})]


def test_a_row_of_ranks_drawing_the_same_bar_is_one_bar() -> None:
    draws = [f"\rtrain: {n}0%|#  | {n}/10 [00:01<00:01,  5it/s, loss=1.{n}]" for n in (4, 5, 4, 6, 5, 10, 9, 10)]
    events = feed(*draws)
    assert [event.done for event in events if isinstance(event, Progress)] == [4, 5, 6, 10]
    assert [event.step for event in events if isinstance(event, Metric)] == [4, 5, 6, 10]


def test_backspaces_after_a_bar_are_folded_and_others_stay() -> None:
    assert text_of(feed("\r 50%|##  | 1/2 [00:01<00:01,  1it/s]\b\b\b\r100%|####| 2/2 [00:02<00:00,  1it/s]\n")) == (
        "100%|####| 2/2 [00:02<00:00,  1it/s]\n"
    )
    assert text_of(feed("|\b/\b-\n")) == "|\b/\b-\n"


@pytest.mark.parametrize(
    ("text", "done", "total"),
    [
        ("Epoch 2/5\n", 1, 5),
        ("Epoch [2/5], Step [3/9], Loss: 0.1\n", 1, 5),
        ("Epoch [2/5], Step [9/9], Loss: 0.1\n", 2, 5),
        ("Epoch 2/5 - loss: 0.3\n", 2, 5),
        ("epoch 0/3\nepoch 1/3\n", 1, 3),
    ],
)
def test_epochs_that_are_only_printed(text: str, done: float, total: float) -> None:
    events = feed(text)
    assert text_of(events) == text
    assert last(events)["epochs"] == (None, "epochs", done, total)


def test_printed_arguments_say_how_many_epochs_there_are() -> None:
    bar = "\rEpoch 1:  50%|##  | 5/10 [00:01<00:01,  5it/s]"
    assert last(feed("Namespace(max_epochs=4, lr=0.1)\n", bar))["epochs"] == (None, "epochs", 0, 4)
    assert last(feed("warmup_epochs=4\n", bar))["epochs"] == (None, "epochs", 0, None)
