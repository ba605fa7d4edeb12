"""HTML as bars, tables and text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.events import Metric
from gpurun_jupyter.progress.readers.html import MAX_CHARS, HtmlBar, Table, read
from gpurun_jupyter.progress.readers.html_bars import metrics_of, reading_of


@pytest.mark.parametrize(
    ("html", "bars"),
    [
        ("<progress value='3' max='10'></progress>", [HtmlBar(3, 10, "", "")]),
        ('<PROGRESS MAX=10 style="width:60ex" VALUE="3"> 30 % </PROGRESS> here', [HtmlBar(3, 10, "", "here")]),
        ("<label>load</label> <progress max='1' value='0.25'/> of it", [HtmlBar(0.25, 1, "load", "of it")]),
        ("<progress max='10'></progress>", [HtmlBar(0, None, "", "")]),
        ("<progress value='2' max='None'></progress>", [HtmlBar(2, None, "", "")]),
        ("<progress value='25' max='24'></progress>", [HtmlBar(24, 24, "", "")]),
        ("<progress value='1' max='2'><div>below</div>", [HtmlBar(1, 2, "", "")]),
        ("<div>a<progress value=1 max=2></progress>b</div><div>c</div>", [HtmlBar(1, 2, "a", "b")]),
        (
            "a <progress value=1 max=2></progress> b <progress value=2 max=3></progress> c",
            [HtmlBar(1, 2, "a", "b"), HtmlBar(2, 3, "", "c")],
        ),
        (
            "<table><tr><td>x<td><progress value=1 max=2></progress><td>1/2<tr><td>y<td><progress value=2 max=2>",
            [HtmlBar(1, 2, "x", "1/2"), HtmlBar(2, 2, "y", "")],
        ),
        ("<script>'<progress value=1 max=2>'</script>", []),
    ],
)
def test_bars(html: str, bars: list[HtmlBar]) -> None:
    assert read(html).bars == bars


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<b>one</b> &lt;two&gt;<br>three", "one <two>\nthree"),
        ("<p>a\n  b</p><p>c</p><ul><li>d<li>e</ul>", "a b\nc\n- d\n- e"),
        ("<pre>a  b\n  c</pre>", "a  b\n  c"),
        ("<style>x{}</style><script>y()</script>", ""),
        ("<table><tr><th>Step<th>Loss</tr><tr><td>10<td>0.5</tr></table>after", "Step  Loss\n10    0.5\nafter"),
        ("<table><tr><td><table><tr><td>in<td>side</table><td>x</table>", "in side  x"),
        ("<progress value=3 max=10></progress>", "3/10"),
        ("<progress value=3 max=10></progress> [3/10 00:01]", "[3/10 00:01]"),
        ("<![if x]>a<![endif]>b", "ab"),
    ],
)
def test_texts(html: str, text: str) -> None:
    assert read(html).text == text


@pytest.mark.parametrize(
    ("html", "empty"),
    [
        ("", True),
        (" \n", True),
        ("<div><p></p></div>", True),
        ('<pre style="white-space:pre;line-height:normal"></pre>', True),
        ("<div style='background:red;height:9px'></div>", False),
        ("<div id='target'></div>", False),
        ("<style>p{}</style>", False),
        ("<img src='x'>", False),
        ("<progress></progress>", False),
        ("0", False),
    ],
)
def test_what_is_empty(html: str, empty: bool) -> None:
    assert read(html).empty is empty


ATTRIBUTES = st.permutations(["value={q}{done}{q}", "max={q}{total}{q}", "class='x'", 'style="width:300px"'])


@given(ATTRIBUTES, st.sampled_from("'\""), st.integers(0, 99), st.integers(1, 99), st.text("ab <&>", max_size=9))
def test_any_order_of_attributes_and_either_quotes(
    attributes: list[str], quote: str, done: int, total: int, words: str
) -> None:
    inside = " ".join(attributes).format(q=quote, done=done, total=total)
    escaped = words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    (bar,) = read(f"<div><progress {inside}></progress>{escaped}</div>").bars
    assert bar == HtmlBar(min(done, total), total, "", " ".join(words.split()))


@given(st.text("<>!/[]-&'\"=abtdrhp progesvlumx\n0123", max_size=200))
def test_nothing_is_an_error(text: str) -> None:
    page = read(text)
    assert all(reading_of(bar).done >= 0 for bar in page.bars)
    assert all(len(row) == len(table.header) for table in page.tables for row in table.rows)


def test_of_a_long_table_the_last_rows_are_read() -> None:
    rows = "".join(f"<tr><td>{step}</td><td>{1 / step:.6f}</td></tr>" for step in range(1, 20_001))
    page = read(f"<progress value=5 max=9></progress><table><tr><th>Step</th><th>Loss</th></tr>{rows}</table>")
    assert len(rows) > 5 * MAX_CHARS
    assert page.bars == [HtmlBar(5, 9, "", "")]
    assert page.tables[0].rows[0] == ("1", "1.000000")
    assert page.tables[0].rows[-1] == ("20000", "0.000050")


@pytest.mark.parametrize(
    ("before", "after", "label", "rate", "left_s", "values"),
    [
        ("", "[12/24 00:03 < 00:04, 3.20 it/s, Epoch 1.50/3]", "", 3.2, 4, {}),
        ("Map:", "[ 12/24 : < :]", "Map", None, None, {}),
        ("", "50.00% [12/24 00:00<01:02... loss 0.33]", "", None, 62, {"loss": 0.33}),
        ("", "[12/24 00:00<?]", "", None, None, {}),
        ("", "12/24 files", "files", None, None, {}),
        ("", "Epoch 2/5", "Epoch 2/5", None, None, {}),
        ("", "loss: 0.5, acc: 0.9", "", None, None, {"loss": 0.5, "acc": 0.9}),
        ("train", "50 %, 2.0 s/it", "train", 0.5, None, {}),
        ("", "", "", None, None, {}),
    ],
)
def test_words_around_a_bar(before: str, after: str, label: str, rate: float, left_s: float, values: dict) -> None:
    seen = reading_of(HtmlBar(12, 24, before, after))
    assert (seen.label, seen.done, seen.total) == (label, 12, 24)
    assert (seen.rate, seen.left_s, seen.values) == (rate, left_s, values)


@pytest.mark.parametrize(
    ("header", "row", "metric"),
    [
        (("Step", "Training Loss"), ("10", "0.5"), Metric(values={"loss": 0.5}, step=10)),
        (
            ("Epoch", "Training Loss", "Validation Loss", "F1 Macro"),
            ("2", "No log", "0.25", "0.9"),
            Metric(values={"eval_loss": 0.25, "eval_f1_macro": 0.9, "epoch": 2}, step=2),
        ),
        (
            ("epoch", "train_loss", "time"),
            ("0", "1.5", "00:03"),
            Metric(values={"train_loss": 1.5, "epoch": 0}, step=0),
        ),
        (("Epoch", "Step", "Top 1"), ("1", "50", "1e-3"), Metric(values={"Epoch": 1, "Top 1": 0.001}, step=50)),
        (("name", "score"), ("a", "1,250.5"), Metric(values={"score": 1250.5})),
        (("name",), ("a",), None),
        (("step",), ("1",), None),
        (("", "x"), ("0", "nan"), Metric(values={"x": "NaN"})),
        (("Step", "Training Loss"), ("nan", "inf"), Metric(values={"loss": "Infinity"})),
    ],
)
def test_rows_of_a_table(header: tuple, row: tuple, metric: Metric | None) -> None:
    assert metrics_of(Table(header, [row]), row) == metric
