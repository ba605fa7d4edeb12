"""What `%%gpurun` and `%gpurun` do: parse, call the client, show."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from typing import Any

import click

from gpurun_jupyter.cli.app import gpurun
from gpurun_jupyter.cli.options import given, run_options
from gpurun_jupyter.cli.plan import show_plan
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.verbs.sweeps import as_file
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.notebook import hints, kernelspec, origin, screens, sweeps, variables
from gpurun_jupyter.notebook.faults import CellFailed
from gpurun_jupyter.notebook.variables import Wanted, variable_options
from gpurun_jupyter.shipping import imports
from gpurun_jupyter.shipping.collect import collect


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@run_options
@variable_options
@click.option("--detach", is_flag=True, help="Return at once; the view under the cell stays live.")
def options_of_cell(**options: Any) -> dict[str, Any]:
    """Run this cell as a run of gpurun: queued, on a GPU if there is one, with its output live below.

    Interrupting the cell asks the run to stop; a second time kills it.
    """
    return options


def run_cell(shell: Any, to: Invocation, line: str, code: str) -> Any:
    """Submit the cell and, unless it is detached, show it to its end; returns its value to be displayed."""
    options = options_of_cell.main(_words(line), prog_name="%%gpurun", standalone_mode=False)
    if not isinstance(options, dict):
        return None  # --help was asked for
    chosen = given(options)
    if "kernel" not in chosen and (found := kernelspec.of_this_notebook(shell, to.client)):
        chosen["kernel"] = found
    directory, detach = options["directory"], options["detach"]
    wanted = variables.of_options(options)
    chosen.update(wanted.options)
    inputs = variables.named(shell, wanted.inputs)
    modules = imports.local_modules(code) if directory is None else None  # a directory brings its own
    if options["sweep"]:
        file = as_file(options, code=code, values=options["sweep"], kernel=chosen.get("kernel"), **wanted.options)
        dry = options["dry_run"]
        shipped = {"inputs": inputs, "modules": modules, "secrets": options["secrets"]}
        sweeps.run_cells(to, file, detach=detach, dry=dry, hint=_hint(shell, code, wanted, file.values), **shipped)
        return None
    if options["dry_run"]:
        return show_plan(to, _lines(code), modules if directory is None else collect(directory), chosen)
    if modules:
        to.screen.say(imports.told(modules))
    chosen["origin"] = origin.of_this_cell(shell, code)
    run = to.client.submit(
        code, inputs=inputs, dir=directory, modules=modules, tell=to.screen.say, live=not detach, **chosen
    )
    if detach:
        screens.show_detached(to.screen, run)
        return None
    try:
        value = screens.show_waiting(to.screen, run)
    except CellFailed as failed:
        hint = _hint(shell, code, wanted, alone="session" in chosen)(run.record, failed.lines)
        # Below the traceback, where a person reads first.
        failed.lines = [*failed.lines, hint] if hint else failed.lines
        variables.take_left(shell, run.refresh(), wanted)
        raise
    variables.take(shell, run, wanted)
    return value


def run_line(to: Invocation, line: str) -> None:
    """Carry out a verb as the command line does."""
    args = _words(line) or ["--help"]
    code = gpurun.main(args, prog_name="%gpurun", standalone_mode=False, obj=to)
    if isinstance(code, int) and code == 1:  # 130, of a person who left, is no failure
        raise click.ClickException("Not every run succeeded.")


def _hint(shell: Any, code: str, wanted: Wanted, values: Collection[str] = (), *, alone: bool = False) -> hints.Hint:
    present = [*wanted.inputs, *values]
    return lambda record, lines: hints.for_missing_name(record, lines, code, shell, present, alone=alone)


def _lines(code: str) -> str:
    count = len(code.strip().splitlines())
    return f"this cell, {count} line{'' if count == 1 else 's'}"


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError as error:
        raise InvalidRequest(f"The line cannot be read ({error}).", "Close the quotation marks.") from error
