"""What ordinary prints of trainings say: recordings with what is to be read from them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gpurun_jupyter.progress.record import Record, decode
from gpurun_jupyter.progress.recordings import pieces

PRINTS = Path(__file__).parents[2] / "foreign" / "recordings" / "prints"
recorded = sorted(PRINTS.glob("*.txt"))


def read(path: Path) -> Record:
    return decode(pieces(path.read_bytes()))


def same(name: str) -> str:
    return re.sub(r"[\s_]+", " ", name).casefold()


@pytest.mark.parametrize("path", recorded, ids=[path.stem for path in recorded])
def test_what_was_printed_is_read(path: Path) -> None:
    want = json.loads(path.with_suffix(".want.json").read_text())
    record = read(path)
    found = {same(name): value for name, value in record.metrics.items()}
    for name, value in want["metrics"].items():
        assert found.get(same(name)) == pytest.approx(value, rel=2e-3), name
    if not want["metrics"]:
        assert found == {}
    for name in ("fraction", "left_s"):
        assert name not in want or getattr(record.progress, name) == pytest.approx(want[name], abs=1e-3), name
    for name in ("epoch", "step"):
        assert name not in want or getattr(record, name) == want[name], name
