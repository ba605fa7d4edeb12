"""The verb `result`: the variables that a run left, in a notebook as variables, in a terminal as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gpurun_jupyter.cli.completion import RUN
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.verbs.looking import as_json
from gpurun_jupyter.core.events import Result
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.views.tables import Table

if TYPE_CHECKING:
    from gpurun_jupyter.client import Run

_SHOWN_CHARS = 200


@click.command()
@click.argument("run", type=RUN)
@click.option("--pickle", is_flag=True, help="Read what was pickled, which runs code that is in it.")
@as_json
@click.pass_obj
def result(to: Invocation, run: str, pickle: bool, as_json: bool) -> None:
    """Wait for RUN and give its variables, those of --out; in a notebook they become variables of it.

    With --json only what is known of them: type, size, sha256.
    """
    found = to.client.get(run).wait()
    found.raise_without_outputs()
    if as_json:
        to.screen.json(found.outputs())
        return
    values = found.result(pickle=pickle)
    if values:
        to.screen.values(values)
        to.screen.tables([Table("RESULT", ("name", "type", "size", "value"), _rows(found, values), "")])
    else:
        to.screen.text(_last_expression(found))


def _rows(run: Run, values: dict[str, Any]) -> list[tuple[str, ...]]:
    known = run.outputs()
    return [
        (name, known[name].type, format_size(known[name].size_bytes), _short(value)) for name, value in values.items()
    ]


def _short(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}..."


def _last_expression(run: Run) -> str:
    """The value of the cell's last expression, for a run that was asked for no variables."""
    text = ""
    for _, event in run.events():
        if isinstance(event, Result):
            text = f"{event.data.get('text/plain', '')}\n"
    return text or f"{run.name} left no variables (--out) and no value.\n"
