"""Which bars are shown of those that a run has."""

from __future__ import annotations

import pytest

from gpurun_jupyter.core.bars import at_present
from gpurun_jupyter.core.runs import Bar, RunProgress

EPOCHS, BATCHES = Bar("e", "epoch", 1, 3), Bar("b", "batch", 5, 5, parent="e")
FIRST, SECOND, ENDLESS = Bar("1", "load", 8, 8), Bar("2", "train", 3, 10), Bar("3", "lines", 7)


@pytest.mark.parametrize(
    ("bars", "shown"),
    [
        ([], []),
        ([FIRST, SECOND], [SECOND]),
        ([EPOCHS, BATCHES], [EPOCHS]),
        ([FIRST, ENDLESS], [ENDLESS]),
        (
            [Bar("gpu0", "gpu 0", 2, 9), Bar("gpu1", "gpu 1", 3, 9)],
            [Bar("gpu0", "gpu 0", 2, 9), Bar("gpu1", "gpu 1", 3, 9)],
        ),
        ([FIRST, Bar("2", "train", 10, 10)], [Bar("2", "train", 10, 10)]),  # all are over
        ([FIRST, Bar("e", "epoch", 3, 3), BATCHES], [Bar("e", "epoch", 3, 3), BATCHES]),
        (
            [Bar("a", "a", 1, 1, parent="b"), Bar("b", "b", 1, 1, parent="a")],
            [Bar("a", "a", 1, 1, parent="b"), Bar("b", "b", 1, 1, parent="a")],
        ),
    ],
)
def test_bars_that_are_over_do_not_stand_beside_the_live_ones(bars: list[Bar], shown: list[Bar]) -> None:
    progress = RunProgress(0.5, 3.0, bars)
    assert at_present(progress).bars == shown
    assert (at_present(progress).fraction, progress.bars) == (0.5, bars)
