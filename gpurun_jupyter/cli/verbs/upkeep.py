"""The verbs that look after what is kept: build the database again, take in runs of other tools, free what is old."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import click

from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.verbs.looking import as_json
from gpurun_jupyter.core.home import default_home
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.views import words


@click.command()
@click.argument("home", required=False)
@click.pass_obj
def reindex(to: Invocation, home: str | None) -> None:
    """Build a lost or damaged database again from the folders of the runs, in the state directory HOME.

    By default that is GPURUN_HOME. Where the database can be read, the runs that it lacks are added. Only with the
    Jupyter server and its agent stopped, or an empty database; runs that are at work go on and are found again.
    """
    # A program of its own: nothing of the server's side is imported here, and no server need be there to be asked.
    command = [sys.executable, "-m", "gpurun_server", "reindex", home or str(default_home())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    to.screen.text(done.stdout)
    if done.returncode != 0:
        to.screen.say(done.stderr.strip())
        raise click.exceptions.Exit(done.returncode)


@click.command("import")
@click.argument("what", nargs=-1, required=True, metavar="[tensorboard|wandb|mlflow] PATH")
@as_json
@click.pass_obj
def import_(to: Invocation, what: tuple[str, ...], as_json: bool) -> None:
    """Show as runs what another tool wrote: PATH, a folder of the server's machine, holds PROJECT/RUN.csv, .yaml, .pt.

    PATH may also be the folder of one project. `import tensorboard PATH` and `import wandb PATH` take the event files
    and the offline runs below it, `import mlflow URI` what MLflow knows: sqlite:///mlflow.db, a folder mlruns, or a
    tracking server, http://HOST:PORT. What was imported before is not imported again.
    """
    *kinds, path = what
    if kinds not in ([], ["tensorboard"], ["wandb"], ["mlflow"]):
        raise click.UsageError(
            f"{kinds[0]!r} is nothing that is imported: say tensorboard PATH, wandb PATH, mlflow URI or PATH alone."
        )
    if kinds == ["mlflow"]:
        found, left_out = to.client.import_mlflow(path, None if as_json else to.screen.say)
    else:
        found, left_out = to.client.import_folder(path, *kinds)
    if as_json:
        to.screen.json({"runs": [run.record for run in found], "left_out": left_out})
        return
    for sentence in left_out:
        to.screen.say(sentence)
    to.screen.text("".join(f"{words.state_line(run.record)}\n" for run in found) or "There was nothing new.\n")


@click.command()
@click.option("--older-than", required=True, metavar="30d", help="Only of runs that ended longer ago than this.")
@click.option("--project", metavar="NAME", help="Only of this project.")
@click.option("--keep-tagged", is_flag=True, help="Leave runs that have tags as they are.")
@click.option("--dry-run", is_flag=True, help="Say what would be freed; free nothing.")
@as_json
@click.pass_obj
def prune(to: Invocation, as_json: bool, **terms: Any) -> None:
    """Free what your old runs printed and left, and stored files that no run, data set or model needs.

    Outcome, configuration, metrics and models stay. What goes: output, workspaces, checkpoints, variables.
    """
    freed = to.client.prune(**terms)
    if as_json:
        to.screen.json(freed)
        return
    verb = "would be freed" if terms["dry_run"] else "freed"
    to.screen.text(
        f"{format_size(freed['runs_bytes'] + freed['blobs_bytes'])} {verb}: {format_size(freed['runs_bytes'])} of "
        f"{len(freed['runs']):,} runs, {format_size(freed['blobs_bytes'])} of {freed['blobs']:,} stored files\n"
    )
