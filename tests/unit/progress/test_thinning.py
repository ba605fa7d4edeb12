from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.events import Metric
from gpurun_jupyter.progress import thinning
from gpurun_jupyter.progress.thinning import A_SECOND, Thinning


def points(count: int, name: str = "loss", start: int = 0) -> list[Metric]:
    return [Metric(values={name: float(step)}, step=float(step)) for step in range(start, start + count)]


def test_what_comes_slowly_is_kept() -> None:
    thin = Thinning()
    assert thin.thin(points(20), 1.0) == points(20)
    assert thin.thin(points(20, start=20), 2.0) == points(20, start=20)
    assert not thin.has_thinned


@given(st.integers(1, 5000), st.floats(0.01, 100))
def test_what_comes_quickly_is_kept_evenly_and_the_last(count: int, m: float) -> None:
    kept = [metric.step or 0 for metric in Thinning().thin(points(count), m)]
    assert len(kept) <= max(1, round(m * A_SECOND))
    assert kept[-1] == count - 1
    gaps = [after - before for before, after in pairwise(kept)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_each_metric_has_its_own_share() -> None:
    often = [
        Metric(values={"loss": float(step)} | ({"val": 1.0} if step == 7 else {}), step=step) for step in range(1000)
    ]
    kept = Thinning().thin(often, 1.0)
    assert sum("loss" in metric.values for metric in kept) == 20
    assert [metric.step for metric in kept if "val" in metric.values] == [7]


def test_a_run_has_no_more_than_so_many_and_the_last(monkeypatch) -> None:
    monkeypatch.setattr(thinning, "IN_ALL", 30)
    thin = Thinning()
    kept = [*thin.thin(points(20), 1.0), *thin.thin(points(20, start=20), 2.0), *thin.thin(points(20, start=40), 3.0)]
    assert len(kept) == 30
    assert [metric.step for metric in thin.last()] == [59]
