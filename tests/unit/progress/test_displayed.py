"""Displays and widgets: bars and metrics of the run, and one text for each where it ended."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.events import Display, Metric, Output, Progress, Result
from gpurun_jupyter.progress import Decoder
from gpurun_jupyter.progress.readers.readings import Reading

NAMELESS = "<IPython.core.display.HTML object>"
RICH = '<pre style="white-space:pre;overflow-x:auto;line-height:normal;font-family:Menlo">{}</pre>'


class Cell:
    """Feeds a decoder as a runner does, and keeps what came."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.events: list[Any] = []
        self.stream = "stdout"

    def display(self, html: str, name: str | None = "d", update: bool = False, plain: str = NAMELESS) -> list[Any]:
        data = {"text/html": html, "text/plain": plain}
        made = [] if update else [*self.decoder.rest(self.stream), *self.decoder.make_way()]
        made = [*made, *self.decoder.display(Display(data=data, display_id=name, update=update))]
        self.events += made
        return made

    def update(self, html: str, name: str = "d", plain: str = NAMELESS) -> list[Any]:
        return self.display(html, name, update=True, plain=plain)

    def print(self, text: str, stream: str = "stdout") -> None:
        if stream != self.stream:
            self.events += self.decoder.rest(self.stream)
            self.stream = stream
        self.events += self.decoder.feed(text, stream)

    def end(self) -> list[Any]:
        self.events += self.decoder.flush()
        return self.events

    @property
    def texts(self) -> list[str]:
        """Texts in the log's order: printed, and of displays each time they have one."""
        shown = (event.text if isinstance(event, Output) else plain_of(event) for event in self.events)
        return [text for text in shown if text]

    @property
    def bars(self) -> dict[str, tuple[Any, ...]]:
        found = (event for event in self.events if isinstance(event, Progress))
        return {bar.id: (bar.parent, bar.label, bar.done, bar.total) for bar in found}

    @property
    def metrics(self) -> list[tuple[float | None, dict[str, float]]]:
        return [(event.step, event.values) for event in self.events if isinstance(event, Metric)]


def plain_of(event: Any) -> str:
    return event.data.get("text/plain", "") if isinstance(event, Display | Result) else ""


def trainer(step: int, of: int = 30, child: str = "") -> str:
    rows = "".join(f"<tr><td>{row}</td><td>{1 / row:.6f}</td></tr>" for row in range(10, step + 1, 10))
    table = f"<table><thead><tr><th>Step</th><th>Training Loss</th></tr></thead><tbody>{rows}</tbody></table>"
    bar = f"<progress value='{step}' max='{of}' style='width:300px'></progress> [{step}/{of} 00:01 &lt; 00:02]"
    return f"<div>{bar}</div>{table}{child}"


def test_a_trainer_is_one_bar_with_metrics_and_one_text() -> None:
    cell = Cell()
    cell.display(trainer(0))
    for step in range(1, 31):
        cell.update(trainer(step))
    assert cell.texts == []
    cell.print("done\n")
    assert cell.texts == [
        "[30/30 00:01 < 00:02]\nStep  Training Loss\n10    0.100000\n20    0.050000\n30    0.033333",
        "done\n",
    ]
    assert cell.bars == {"b1": (None, "", 30, 30)}
    assert cell.metrics == [(10, {"loss": 0.1}), (20, {"loss": 0.05}), (30, {"loss": 0.033333})]
    assert cell.end()[-1].text == "done\n"


def test_an_evaluation_is_a_bar_within_and_goes() -> None:
    cell = Cell()
    cell.display(trainer(10))
    for step in range(9):
        cell.update(trainer(10, child=f"<div><progress value='{step}' max='8'></progress> [{step}/8 00:01]</div>"))
    cell.update(trainer(11))
    assert cell.bars == {"b1": (None, "", 11, 30), "b2": ("b1", "", 8, 8)}
    assert len(cell.metrics) == 1


def test_prints_in_between_do_not_make_new_lines_of_a_bar() -> None:
    cell = Cell()
    cell.display(trainer(0))
    for step in range(1, 25):
        cell.update(trainer(step))
        cell.print(f"step {step}\n")
    assert cell.texts == [f"step {step}\n" for step in range(1, 25)]
    cell.end()
    assert cell.texts[-1].startswith("[24/30 00:01")


def test_every_display_is_written_with_what_is_seen_of_it() -> None:
    cell = Cell()
    first = cell.display(trainer(0))[-1]
    assert (first.update, set(first.data)) == (False, {"text/html"})
    later = cell.update(trainer(1))[-1]
    assert (later.update, set(later.data)) == (True, {"text/html"})
    last = cell.end()[-1]
    assert (last.update, set(last.data)) == (True, {"text/html", "text/plain"})


def test_nested_bars_in_displays_of_their_own() -> None:
    cell = Cell()
    for outer in range(3):
        cell.display(f"<progress value={outer} max=3></progress>", "outer", update=outer > 0)
        for inner in range(6):
            html = f"<progress value={inner} max=5></progress> [{inner}/5]"
            cell.display(html, f"inner {outer}", update=inner > 0)
        cell.print(f"epoch {outer} done\n")
    cell.update("<progress value=3 max=3></progress>", "outer")
    cell.end()
    assert cell.texts == ["[5/5]", "epoch 0 done\n", "[5/5]", "epoch 1 done\n", "[5/5]", "epoch 2 done\n", "3/3"]
    assert cell.bars == {"b1": (None, "", 3, 3), "b2": ("b1", "", 5, 5)}


def test_a_bars_own_text_is_kept() -> None:
    cell = Cell()
    for step in range(11):
        html, plain = (
            f"<progress style='width:60ex' max='10' value='{step}'></progress>",
            f"[{'=' * step:10}] {step}/10",
        )
        cell.display(html, update=step > 0, plain=plain)
    cell.end()
    assert cell.texts == ["[==========] 10/10"]


def test_a_table_is_metrics_only_beside_a_bar() -> None:
    cell = Cell()
    table = "<table><tr><th>step</th><th>loss</th></tr><tr><td>1</td><td>0.5</td></tr></table>"
    cell.display(table, plain="  step loss\n0 1 0.5")
    assert cell.metrics == []
    cell.display(f"<progress value=1 max=2></progress>{table}", "b")
    cell.update(table, "b")  # the bar is gone, the table is still its own
    cell.update(table.replace("</table>", "<tr><td>2</td><td>0.4</td></tr></table>"), "b")
    assert cell.metrics == [(1, {"loss": 0.5}), (2, {"loss": 0.4})]


def test_nothing_is_displayed_where_there_is_nothing_to_see() -> None:
    cell = Cell()
    assert cell.display("", None) == []
    assert cell.display("", "late") == []
    assert cell.update(" ", "late") == []
    (filled,) = cell.update("<b>here</b>", "late")
    assert (filled.update, filled.data["text/plain"]) == (False, "here")
    (emptied,) = cell.update("", "late")
    assert (emptied.update, emptied.data) == (True, {})
    (again,) = cell.update("back", "late")
    assert (again.update, again.data["text/plain"]) == (True, "back")
    assert cell.display(RICH.format(""), None, plain="") == []


def test_a_bar_that_does_not_stay_leaves_no_text() -> None:
    cell = Cell()
    for step in range(6):
        cell.display(f"<progress value={step} max=5></progress>", update=step > 0)
    cell.update("")
    cell.print("after\n")
    cell.end()
    assert cell.texts == ["after\n"]
    assert cell.bars["b1"][2] == 5


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"text/html": "<b>x</b>", "text/plain": NAMELESS}, "x"),
        ({"text/html": "<b>x</b>"}, "x"),
        ({"text/html": "<b>x</b>", "text/plain": "<pandas.io.formats.style.Styler at 0x7f00aa>"}, "x"),
        ({"text/html": "<p>x</p>", "text/plain": "<p>x</p>"}, "x"),
        ({"text/html": "<table>...</table>", "text/plain": "   a\n0  1"}, "   a\n0  1"),
        ({"text/markdown": "*m*", "text/plain": "<IPython.core.display.Markdown object>"}, "*m*"),
        ({"text/latex": "$x$", "text/plain": "<IPython.core.display.Latex object>"}, "$x$"),
        ({"text/html": "<audio src='x'>no</audio>", "text/plain": "<IPython.lib.display.Audio object>"},) * 1
        + ("<IPython.lib.display.Audio object>",),
        ({"text/html": "<style>p{}</style>", "text/plain": NAMELESS}, ""),
        ({"image/png": "aaaa", "text/plain": "<Figure size 640x480 with 1 Axes>"}, "<Figure size 640x480 with 1 Axes>"),
        ({"text/plain": "<__main__.Thing object at 0x7f12>"}, "<__main__.Thing object at 0x7f12>"),
        ({"application/json": {"a": 1}, "text/plain": "<IPython.core.display.JSON object>"},) * 1
        + ("<IPython.core.display.JSON object>",),
    ],
)
def test_every_object_has_a_text(data: dict[str, Any], text: str) -> None:
    for event in (Display(data=data), Result(data=data), Display(data=data, display_id="x")):
        (told,) = Decoder().display(event)
        assert told.data == {**data, "text/plain": text}


def rich(*rows: tuple[str, int]) -> tuple[str, str]:
    plain = "\n".join(f"{label} \x1b[35m{'━' * 20}\x1b[0m {done}/8 0:00:01 loss: 0.{done}" for label, done in rows)
    return RICH.format(plain.replace("\x1b[35m", "<span>").replace("\x1b[0m", "</span>")), plain


def test_frames_of_rich_are_bars_and_its_prints_are_read() -> None:
    cell = Cell()
    for step in range(1, 9):
        html, plain = rich(("epoch 1/2", step // 4), ("batch", step))
        cell.display(html, "w", update=step > 1, plain=plain)
    cell.display(RICH.format("{'acc': 0.5, 'step': 3}"), None, plain="{'acc': 0.5, 'step': 3}\n")
    assert cell.bars == {
        "epochs": (None, "epochs", 0, 2),
        "b1": ("epochs", "epoch 1/2", 2, 8),
        "b2": ("b1", "batch", 8, 8),
    }
    assert cell.metrics[-1] == (3, {"acc": 0.5})
    assert (8, {"loss": 0.8}) in cell.metrics
    before = len(cell.texts)
    cell.display(RICH.format(""), None, plain="")  # so rich ends a live display
    assert len(cell.texts) == before + 1
    assert "batch" in cell.texts[-1]
    assert len(cell.end()) == len(cell.events)
    assert len(cell.texts) == before + 1


def test_rich_bars_that_were_taken_away_are_through() -> None:
    cell = Cell()
    for rows in ([("train", 8), ("validation", 3)], [("train", 8)]):
        html, plain = rich(*rows)
        cell.display(html, "w", update=bool(cell.events), plain=plain)
    assert cell.bars == {"b1": (None, "train", 8, 8), "b2": (None, "validation", 8, 8)}


def test_a_display_of_nothing_but_text_keeps_it() -> None:
    cell = Cell()
    _, plain = rich(("train", 3))
    (*_, told) = cell.decoder.display(Display(data={"text/plain": plain}, display_id="t"))
    assert told.data == {"text/plain": plain}
    assert cell.decoder.flush() == []


# Bars that are neither text nor displays


def seen(done: float, total: float | None = 4, **values: float) -> Reading:
    return Reading("train", done, total, None, None, values, 0, True)


def test_a_drawn_bar_leaves_a_line_where_it_ended() -> None:
    decoder = Decoder()
    drawn, said = decoder.drawn, []
    for epoch in range(2):
        said += drawn.begin("w")
        for done in range(5):
            said += drawn.show("w", None, seen(done, loss=float(done)), f"epoch {epoch}: {done}/4")
        said += decoder.feed(f"after {epoch}\n", "stdout")
    said += decoder.flush()
    assert [event.text for event in said if isinstance(event, Output)] == [
        *("epoch 0: 4/4\n", "after 0\n", "epoch 1: 4/4\n", "after 1\n"),
    ]
    assert [event.step for event in said if isinstance(event, Metric)] == [0, 1, 2, 3, 4, 4, 5, 6, 7, 8]


def test_a_drawn_bar_that_is_removed_leaves_none_and_a_broken_one_its_last_state() -> None:
    decoder = Decoder()
    decoder.drawn.show("gone", None, seen(4), "gone 4/4")
    decoder.drawn.remove("gone")
    decoder.drawn.show("broken", None, seen(2), "broken 2/4")
    assert [type(event) for event in decoder.feed("x\n", "stdout")] == [Output]
    decoder.drawn.end_of("broken")
    assert [event.text for event in decoder.make_way()] == ["broken 2/4\n"]
    decoder.drawn.show("open", None, seen(1, None), "open 1")
    assert [event.text for event in decoder.flush()] == ["open 1\n"]


# Order


LINE = st.sampled_from(["out", "err", "show"])
WAY = st.sampled_from(["stderr", "stdout", "html", "drawn"])


@given(st.lists(st.tuples(WAY, LINE, st.integers(1, 3)), min_size=1, max_size=8))
def test_what_ended_before_stands_before(steps: list[tuple[str, str, int]]) -> None:
    """Bars by any way, each ended before the next line, which comes by any other: the log has them in that order."""
    cell, expected = Cell(), []
    for number, (way, line, total) in enumerate(steps):
        name = f"bar{number:03d}"
        for done in range(total + 1):
            text = f"{name}: {100 * done // total:3d}%|##| {done}/{total} [00:00<00:00, 9.1it/s]"
            if way == "html":
                html = f"{name} <progress value={done} max={total}></progress> [{done}/{total}]"
                cell.display(html, name, update=done > 0)
            elif way == "drawn":
                cell.events += cell.decoder.drawn.show(name, None, seen(done, total), text)
            else:
                cell.print(f"\r{text}", way)
        if way in ("stderr", "stdout"):
            cell.print("\n", way)
        expected += [name, f"line{number:03d}"]
        if line == "show":
            cell.display(f"line{number:03d}", None)
        else:
            cell.print(f"line{number:03d}\n", "stdout" if line == "out" else "stderr")
    cell.end()
    found = [word[:7].strip(":") for text in cell.texts for word in text.split() if word[:3] in ("bar", "lin")]
    assert found == expected
