"""The verbs of notebooks: run one, write any run as one."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import click

from gpurun_jupyter.cli.completion import RUN
from gpurun_jupyter.cli.options import given, run_options, value_of
from gpurun_jupyter.cli.plan import show_plan
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.verbs.acting import watch
from gpurun_jupyter.cli.verbs.looking import as_json
from gpurun_jupyter.cli.verbs.sweeps import as_file, launch
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.views import words

_MOST = 1_000_000  # runs at once


def _parameters(_: click.Context, parameter: click.Parameter, pairs: tuple[str, ...]) -> dict[str, Any]:
    for pair in pairs:
        if "=" not in pair:
            raise click.BadParameter(f"{pair!r} says no value: write NAME=value.", param=parameter)
    return {name: value_of(text) for name, text in (pair.split("=", 1) for pair in pairs)}


@click.command()
@click.argument("file")
@click.option(
    "-p", "--parameter", "parameters", callback=_parameters, multiple=True, metavar="K=V", help="A parameter's value."
)
@run_options
@click.option("--wait/--detach", "waits", help="Show it live to its end, or leave it to the queue (the default).")
@as_json
@click.pass_obj
def notebook(
    to: Invocation, /, file: str, parameters: dict[str, Any], waits: bool, as_json: bool, **options: Any
) -> None:
    """Queue the notebook FILE: its code cells run one after another in one kernel, up to the first that fails.

    Parameters go after the cell with the tag `parameters`. The executed notebook is the run's file executed.ipynb.
    """
    if options["sweep"]:
        # A list of -p is one value, as without a sweep; only --sweep has one run for each.
        single = {name: [value] if isinstance(value, list) else value for name, value in parameters.items()}
        asked = as_file(options, notebook=file, values=single | options["sweep"])
        launch(to, asked, waits=waits, as_json=as_json, dry=options["dry_run"], secrets=options["secrets"])
        return
    if options["dry_run"]:
        from gpurun_jupyter.shipping.collect import collect

        directory = options["directory"]
        show_plan(to, f"notebook {file}", collect(directory) if directory else None, given(options))
        return
    run = to.client.submit_notebook(
        file, parameters, dir=options["directory"], tell=None if as_json else to.screen.say, **given(options)
    )
    if as_json and not waits:
        to.screen.json(run.record)
    elif not waits:
        to.screen.text(f"run {run.name} {words.how(run.record)} (id {run.id})\n")
    else:
        watch(to, run, as_json)


@click.command()
@click.argument("run", nargs=-1, type=RUN)
@click.option("-o", "--output", metavar="FILE", help="Where to write it; default: the run's name in this directory.")
@click.option("--plain", metavar="DIR", help="Write plain files below DIR instead: PROJECT/RUN.csv, .yaml, .pt.")
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@click.option("--to-mlflow", "uri", metavar="URI", help="Write RUNs to this tracking server instead, http://HOST:PORT.")
@click.option("--where", metavar="CONDITION", help="To MLflow: all runs that fulfil it, 'project = digits'.")
@click.option("--files", is_flag=True, help="To MLflow: also the files that they left, as artifacts.")
@click.pass_obj
def export(
    to: Invocation, /, run: tuple[str, ...], output: str | None, plain: str | None, force: bool, **there: Any
) -> None:
    """Write RUN, a cell, a notebook or a script, as a notebook: code, outputs, parameters.

    Plain files are its metrics, its parameters and its last checkpoint; `gpurun import DIR` reads them. A tracking
    server of MLflow's gets runs with all of their metrics, once each.
    """
    if there["uri"] is not None:
        _to_mlflow(to, run, **there)
        return
    if len(run) != 1 or there["where"] is not None or there["files"]:
        raise click.UsageError("One RUN is written as a notebook or as plain files; --to-mlflow URI takes several.")
    _export(to, run[0], output, plain, force)


def _export(to: Invocation, run: str, output: str | None, plain: str | None, force: bool) -> None:
    from gpurun_jupyter.client import notebooks, plain_files

    found = to.client.get(run)
    if plain is not None:
        written = plain_files.write(found, Path(plain).expanduser(), force=force)
        to.screen.text("".join(f"{path}\n" for path in written))
        return
    path = Path(output or f"{found.name.replace('/', '-')}.ipynb").expanduser()
    if path.exists() and not force:
        raise InvalidRequest(f"There is a file {path} already.", "Name another with -o, or say --force.")
    notebooks.write(notebooks.as_notebook(found), path)
    to.screen.text(f"{path}\n")


def _to_mlflow(to: Invocation, named: tuple[str, ...], uri: str, where: str | None, files: bool) -> None:
    """Write runs to a tracking server, a line for each."""
    if bool(named) == (where is not None):
        raise click.UsageError("Name the runs, or say --where CONDITION.")
    from gpurun_jupyter.client.mlflow_export import Export

    runs = [to.client.get(one) for one in named] if where is None else to.client.runs(limit=_MOST, where=where)
    with closing(Export(uri, to.screen.say, files=files)) as export:
        for one in export.write(runs):
            to.screen.text(f"{one.run.name} ({one.run.id}){'' if one.is_new else ' is there already'}: {one.url}\n")
