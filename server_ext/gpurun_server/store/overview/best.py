"""The best run of each project, by the metric that says most."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.numbers import finite
from gpurun_jupyter.core.runs import MetricSummary
from gpurun_server.store.queries import kept_of
from gpurun_server.store.tables import runs

#: Of so many runs, the newest that have metrics, the best is looked for.
_NEWEST = 1000
_UP = ("acc", "auc", "bleu", "f1", "iou", "map", "precision", "psnr", "r2", "recall", "reward", "score", "ssim")
_DOWN = ("cer", "err", "loss", "mae", "mse", "perplexity", "ppl", "rmse", "wer")
_HELD_OUT = {"eval", "test", "val", "valid", "validation"}

_metrics = msgspec.json.Decoder(dict[str, MetricSummary])


class BestRun(msgspec.Struct):
    """The run whose metric came highest (or lowest, by `mode`), and that value."""

    run_id: str
    run_name: str
    metric: str
    mode: Literal["max", "min"]
    value: float


def best_of_projects(conn: sa.Connection, owner: str) -> dict[str, BestRun]:
    """By project of an owner, where a metric's name says what is better."""
    has_metrics = sa.and_(kept_of(owner), runs.c.outcome == "succeeded", runs.c.metrics_json != "{}")
    query = sa.select(runs.c.id, runs.c.name, runs.c.project, runs.c.metrics_json).where(has_metrics)
    by_project: dict[str, list[Any]] = defaultdict(list)
    for row in conn.execute(query.order_by(runs.c.seq.desc()).limit(_NEWEST)):
        by_project[row.project].append((row, _metrics.decode(row.metrics_json)))
    found = {project: _best(told) for project, told in by_project.items()}
    return {project: best for project, best in found.items() if best is not None}


def _best(told: list[tuple[Any, dict[str, MetricSummary]]]) -> BestRun | None:
    metric = telling(name for _, metrics in told for name in metrics)
    mode = None if metric is None else better(metric)
    if metric is None or mode is None:
        return None
    having = [(metrics[metric], row) for row, metrics in told if metric in metrics]
    values = [(getattr(one, mode), row) for one, row in having if finite(one.last) is not None]  # of all steps
    if not values:
        return None
    pick = max if mode == "max" else min
    value, row = pick(values, key=lambda pair: pair[0])
    return BestRun(row.id, row.name, metric, mode, value)


def telling(names: Iterable[str]) -> str | None:
    """Of the metrics of many runs the one to compare by: measured on held-out data, a quality, that most have."""
    counts = Counter(name for name in names if better(name))
    return max(counts, key=lambda name: (_is_held_out(name), better(name) == "max", counts[name], name), default=None)


def better(name: str) -> Literal["max", "min"] | None:
    """Whether more of a metric is better, or less; None where its name does not say."""
    words = _words(name)
    if any(word.startswith(_DOWN) for word in words):
        return "min"
    return "max" if any(word.startswith(_UP) for word in words) else None


def _is_held_out(name: str) -> bool:
    return not _HELD_OUT.isdisjoint(_words(name))


def _words(name: str) -> list[str]:
    return re.split(r"[^a-z0-9]+", name.lower())
