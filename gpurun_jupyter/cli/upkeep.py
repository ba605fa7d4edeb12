"""The verbs that look after what is kept: build the database again, take in what other tools wrote."""

from __future__ import annotations

import subprocess
import sys

import click

from gpurun_jupyter.cli import words
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.verbs import as_json
from gpurun_jupyter.core.home import default_home


@click.command()
@click.argument("home", required=False)
@click.pass_obj
def reindex(to: Invocation, home: str | None) -> None:
    """Build a lost or damaged database again from the folders of the runs, in the state directory HOME.

    By default that is GPURUN_HOME. Where the database can be read, the runs that it lacks are added. Only with the
    Jupyter server and its agent stopped, or an empty database; runs that are at work go on and are found again.
    """
    command = [sys.executable, "-m", "gpurun_server", "reindex", home or str(default_home())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    to.screen.text(done.stdout)
    if done.returncode != 0:
        to.screen.say(done.stderr.strip())
        raise click.exceptions.Exit(done.returncode)


@click.command("import")
@click.argument("path")
@as_json
@click.pass_obj
def import_(to: Invocation, path: str, as_json: bool) -> None:
    """Show as runs what another tool wrote: PATH, a folder of the server's machine, holds PROJECT/RUN.csv, .yaml, .pt.

    PATH may also be the folder of one project. What was imported before is not imported again.
    """
    found, left_out = to.client.import_folder(path)
    if as_json:
        to.screen.json({"runs": [run.record for run in found], "left_out": left_out})
        return
    for sentence in left_out:
        to.screen.say(sentence)
    to.screen.text("".join(f"{words.state_line(run.record)}\n" for run in found) or "There was nothing new.\n")
