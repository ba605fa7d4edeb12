"""`server`: starts a Jupyter server with gpurun alone. It is a program of its own: nothing of it is imported here."""

from __future__ import annotations

import os
import subprocess
import sys

import click

from gpurun_jupyter.cli.screen import Invocation, installed
from gpurun_jupyter.cli.terminal import TerminalScreen
from gpurun_jupyter.core.errors import GpurunError
from gpurun_jupyter.core.home import default_home
from gpurun_jupyter.core.system.user_services import Service

_PROGRAM = [sys.executable, "-m", "gpurun_server", "server"]


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--print-token", is_flag=True, help="Print what GPURUN_TOKEN has to be, and start nothing.")
@click.option("--install", is_flag=True, help="Write a service of yours that starts it with the machine.")
@click.argument("jupyter_options", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def server(to: Invocation, print_token: bool, install: bool, jupyter_options: tuple[str, ...]) -> None:
    """Serve runs to others, without pages and browser, until Ctrl-C; says how it is reached.

    JUPYTER_OPTIONS are those of `jupyter server`: --port 9000 --ServerApp.ip=0.0.0.0
    """
    if print_token:
        done = subprocess.run([*_PROGRAM, "--print-token"], capture_output=True, text=True, check=False)
        if done.returncode:
            raise GpurunError(done.stderr.strip().removeprefix("gpurun: "))
        to.screen.text(done.stdout)
    elif install:
        installed(to.screen, _service(jupyter_options))
    elif isinstance(to.screen, TerminalScreen):
        os.execv(_PROGRAM[0], [*_PROGRAM, *jupyter_options])  # noqa: S606 - the same process: whoever ends it ends the server
    else:
        raise click.UsageError("A server is started in a terminal: gpurun server.")


def _service(jupyter_options: tuple[str, ...]) -> Service:
    """It has the state directory of whoever installs it, and serves the files below their home directory."""
    home = os.environ.get("GPURUN_HOME")
    return Service(
        name="gpurun-server",
        description="gpurun server",
        command=[*_PROGRAM, *jupyter_options],
        log=default_home() / "server.log",
        environment={"GPURUN_HOME": home} if home else {},
    )
