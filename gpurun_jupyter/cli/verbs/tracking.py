"""`mlflow`: MLflow's client logs to the server, and finds all runs there."""

from __future__ import annotations

import shlex
import sys

import click

from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.terminal import TerminalScreen


@click.command()
@click.pass_obj
def mlflow(to: Invocation) -> None:
    """Have MLflow log to this server, and find all runs there: in a notebook it does from now on.

    A terminal gets the lines that have it do so: eval "$(gpurun mlflow)"
    """
    variables = to.client.use_mlflow()
    if isinstance(to.screen, TerminalScreen) and not _in_ipython():
        to.screen.text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))
    else:
        token = " with this server's token" if len(variables) > 1 else ""
        to.screen.say(f"MLflow logs to {variables['MLFLOW_TRACKING_URI']} from now on{token}.")


def _in_ipython() -> bool:
    """Whether it was typed as a magic: then this process is the one that goes on."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and ipython.get_ipython() is not None
