"""`--in a,b --out c,d`: the notebook's variables in a run, and the run's in the notebook."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from gpurun_jupyter.cli.options import size
from gpurun_jupyter.client.options import RunOptions
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.lifecycle import Outcome

if TYPE_CHECKING:
    from gpurun_jupyter.client import Run

Command = TypeVar("Command", bound=Callable[..., Any])


class Wanted(NamedTuple):
    """The names of the inputs, and what the client is told of the outputs."""

    inputs: list[str]
    options: RunOptions


def variable_options(command: Command) -> Command:
    """Give `%%gpurun` the options of variables."""
    for option in (
        click.option("--values-limit", callback=size, metavar="2G", help="How much the variables may have; 512 MB."),
        click.option("--pickle", is_flag=True, help="Pickle what no safe format takes, in both directions."),
        click.option("--out", "outputs", multiple=True, metavar="A,B", help="Variables to bring into the notebook."),
        click.option("--in", "inputs", multiple=True, metavar="A,B", help="Variables of the notebook for the cell."),
    ):
        command = option(command)
    return command


def of_options(options: dict[str, Any]) -> Wanted:
    """What the options ask for."""
    chosen = RunOptions()
    if outputs := _names(options["outputs"]):
        chosen["outputs"] = outputs
    if options["pickle"]:
        chosen["pickle"] = True
    if options["values_limit"] is not None:
        chosen["values_limit"] = options["values_limit"]
    return Wanted(_names(options["inputs"]), chosen)


def named(shell: Any, names: list[str]) -> dict[str, Any]:
    """These variables of the notebook. Raises InvalidRequest for one that there is not."""
    missing = [repr(name) for name in names if name not in shell.user_ns]
    if missing:  # before anything is sent
        raise InvalidRequest(
            f"There is no variable {' and no '.join(missing)} in this notebook.", "Run the cell that defines it first."
        )
    return {name: shell.user_ns[name] for name in names}


def take(shell: Any, run: Run, wanted: Wanted) -> None:
    """Bring the outputs of a run that has succeeded into the notebook."""
    if wanted.options.get("outputs"):
        shell.push(run.result(pickle=wanted.options.get("pickle", False)))


def take_left(shell: Any, run: Run, wanted: Wanted) -> None:
    """The same of one that was stopped, if it caught its interrupt and came to its own end."""
    if run.outcome is Outcome.CANCELLED and run.outputs():
        take(shell, run, wanted)


def _names(texts: tuple[str, ...]) -> list[str]:
    parts = [part.strip() for text in texts for part in text.split(",")]
    return list(dict.fromkeys(filter(None, parts)))
