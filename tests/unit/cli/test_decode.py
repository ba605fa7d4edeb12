from __future__ import annotations

import json
from pathlib import Path

import pytest
from unit.cli.test_cli import Terminal
from unit.client_fake import FakeServer

KERAS = Path(__file__).parents[2] / "foreign" / "recordings" / "keras_fit.cast.gz"
RAW = Path(__file__).parents[1] / "progress" / "tq_nested-pty.bin"


def test_a_recording_with_times() -> None:
    terminal = Terminal(FakeServer())
    assert terminal("decode", str(KERAS)) == 0
    shown = json.loads(terminal.out.getvalue())
    assert shown["overall"] == {"fraction": 1.0, "left_s": 0.0, "epoch": 5, "step": 150}
    assert [(bar["label"], bar["done"], bar["total"]) for bar in shown["bars"]] == [("epochs", 5, 5), ("", 30, 30)]
    assert (shown["metrics"]["val_loss"], shown["by"]["val_loss"]) == (1.0472, "bars/keras")
    assert shown["lines"][0] == "Epoch 1/5"
    assert len(shown["lines"]) == 10
    assert shown["meta"] == {}


def test_raw_bytes() -> None:
    terminal = Terminal(FakeServer())
    assert terminal("decode", str(RAW)) == 0
    shown = json.loads(terminal.out.getvalue())
    assert [(bar["id"], bar["parent"]) for bar in shown["bars"]] == [("b1", None), ("b2", "b1"), ("b3", "b1")]
    assert shown["overall"]["fraction"] == 1
    assert shown["lines"][0] == "a written line"


@pytest.mark.parametrize("name", ["nothing.bin", "."])
def test_what_cannot_be_read(name: str, tmp_path: Path) -> None:
    terminal = Terminal(FakeServer())
    assert terminal("decode", str(tmp_path / name)) == 2
    assert "cannot be read" in terminal.err.getvalue()
    assert terminal("decode") == 2
