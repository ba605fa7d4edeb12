"""The examples of docs/your-script.md say what its last column has."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest

from gpurun_jupyter.progress.record import decode

PAGE = Path(__file__).parents[3] / "docs" / "your-script.md"
ROW = re.compile(r"\| ([^|]*) \| (?:`([^`]+)`|<code>(.+?)</code>) \| (.+) \|")
rows = [
    (html.unescape(found[2] or found[3]).replace("\\t", "\t").replace("\\n", "\n"), found[4])
    for found in map(ROW.fullmatch, PAGE.read_text(encoding="utf-8").splitlines())
    if found
]


def counted(read: str, word: str) -> float | None:
    found = re.search(rf"\b{word} ([\d.]+)(?: of (\d+))?", re.sub(r"`[^`]*` [\d.]+", "", read))
    return float(found[1]) if found else None


def test_there_are_rows() -> None:
    assert len(rows) > 30


@pytest.mark.parametrize(("example", "read"), rows, ids=[example[:20] for example, _ in rows])
def test_an_example_says_what_the_page_has(example: str, read: str) -> None:
    record = decode([(None, f"{example}\n")])
    assert record.metrics == {name: float(value) for name, value in re.findall(r"`([^`]+)` ([\d.]+)", read)}
    assert record.epoch == counted(read, "epoch")
    if (step := counted(read, "step")) is not None:
        assert step in [bar.done for bar in record.bars.values()]
    if (left := counted(read, "left")) is not None:
        assert record.progress.left_s == left
    for of in re.findall(r"(?:epoch|step) [\d.]+ of (\d+)", read):
        assert float(of) in [bar.total for bar in record.bars.values()]
