"""A run as a mime bundle: for our extension, for any browser, and for plain text."""

from __future__ import annotations

from html import escape
from typing import Any

import msgspec

from gpurun_jupyter.core.events import Checkpoint
from gpurun_jupyter.core.lifecycle import Outcome
from gpurun_jupyter.core.runs import Run as RunRecord
from gpurun_jupyter.views import words
from gpurun_jupyter.views.tables import FONT
from gpurun_jupyter.views.tail import Tail, plain

RUN_MIME = "application/vnd.gpurun.run+json"
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
_LINES = 50  # of the output that a saved notebook keeps
_METRICS = 12
_QUIET = "margin-left: 1.2em; color: var(--jp-ui-font-color2, #616161)"
_PRE = "max-height: 24em; overflow: auto; margin: 4px 0 0 1.2em; white-space: pre-wrap"


def summary(record: RunRecord) -> dict[str, Any]:
    """The Run as JSON, without its spec: the code stands in the cell already."""
    built: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(record, spec=None))
    return built


def run_bundle(
    record: RunRecord, tail: Tail, published: int | None = None, checkpoint: Checkpoint | None = None
) -> dict[str, Any]:
    """What is shown of a run; `published` counts its displays, value and error that stand in the cell by themselves.

    Without it the cell shows none of them, and the view does.
    """
    known = {} if published is None else {"published": published}
    lines = plain(tail.text).rstrip("\n").split("\n")[-_LINES:] if tail.text.strip() else []
    missing = tail.total_lines - len(lines)
    head = [words.glyph(record) + " " + record.name + "  " + words.how(record), *_details(record, checkpoint)]
    rest = [_cut(missing, len(lines))] if missing > 0 and lines else []
    return {
        RUN_MIME: {"run_id": record.id, "summary": summary(record), **known},
        "text/html": _html(record, head[1:] + rest, "\n".join(lines)),
        "text/plain": "\n".join([*head, *rest, *lines]),
    }


def text_of(tail: Tail) -> dict[str, Any]:
    """The tail as the widget takes it: the text as a terminal would get it, and how many lines there were in all."""
    return {"text": tail.text, "lines": tail.total_lines}


def _details(record: RunRecord, checkpoint: Checkpoint | None) -> list[str]:
    """Lines below the state of a run that is over: its metrics where the state does not say them, its checkpoint."""
    found = []
    if record.outcome is not Outcome.SUCCEEDED or len(record.metrics) > words.METRICS_SHOWN:
        found.append(words.metrics(record, most=_METRICS))
    if checkpoint is not None:
        step = "" if checkpoint.step is None else f" at step {checkpoint.step:g}"
        found.append(f"checkpoint {checkpoint.path}{step}")
    return [line for line in found if line]


def _cut(missing: int, kept: int) -> str:
    return f"the last {kept} of {missing + kept:,} lines:"


def _html(record: RunRecord, details: list[str], lines: str) -> str:
    line = f"{words.glyph(record)} <b>{escape(record.name)}</b> {escape(words.how(record))}"
    below = "".join(f'<div style="{_QUIET}">{escape(detail)}</div>' for detail in details)
    output = f'<pre style="{_PRE}">{escape(lines)}</pre>' if lines else ""
    return f'<div style="{FONT}"><div>{line}</div>{below}{output}</div>'
