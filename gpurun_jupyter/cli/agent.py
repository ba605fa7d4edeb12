"""The verbs of `agent`: this machine joins a server, and its agent works there as a daemon."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import click

from gpurun_jupyter.cli.screen import Invocation, Table
from gpurun_jupyter.cli.verbs import as_json
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.home import Home, default_home

_LOOK_S = 0.1
_LINES = 20

on_server = click.option("--server", metavar="URL", help="Which of several servers that this machine has joined.")


@click.group()
def agent() -> None:
    """Offer this machine's devices to a server elsewhere, or let a machine join this server."""


@agent.command()
@as_json
@click.pass_obj
def invite(to: Invocation, as_json: bool) -> None:
    """Print the line that lets one machine join; it is good for an hour, and once."""
    invitation = to.client.invite()
    if as_json:
        to.screen.json(invitation)
        return
    to.screen.say("On the other machine, after `pip install gpurun-jupyter`, within an hour:")
    to.screen.text(f"{invitation['line']}\n")


@agent.command()
@click.argument("agent_id", metavar="AGENT")
@click.pass_obj
def revoke(to: Invocation, agent_id: str) -> None:
    """Remove the machine AGENT, which you invited: it is let in no more, and its runs fail as lost."""
    to.client.revoke(agent_id)
    to.screen.say(f"{agent_id} is let in no more.")


@agent.command()
@click.argument("url")
@click.option("--token", required=True, metavar="T", help="What `gpurun agent invite` gave.")
@click.option("--name", metavar="NAME", default="", help="What to call this machine; default: its host name.")
@click.option("--label", "labels", multiple=True, metavar="L", help="A word to find it by (--on); may be repeated.")
@click.option("--ca", metavar="FILE", type=Path, help="Certificates to trust, of an authority of your own.")
@click.option(
    "--cpu-slots", type=click.IntRange(0), metavar="N", help="Runs without a GPU at once; default: a core each."
)
@click.option("--no-start", is_flag=True, help="Join, but do not start the agent.")
@click.pass_obj
def join(to: Invocation, /, url: str, token: str, name: str, ca: Path | None, no_start: bool, **offer: Any) -> None:
    """Join the server at URL, and start the agent that works for it."""
    from gpurun_jupyter.agent.remote import joining, membership, process

    url, authority = membership.address(url), None if ca is None else str(ca.expanduser().resolve())
    folder = membership.folder_of(Home(default_home()), url)
    if process.living(folder) is not None:
        raise InvalidRequest(f"An agent for {url} is at work here.", "`gpurun agent stop` ends it first.")
    joined = joining.join(joining.Asked(url, token, name, authority))
    offer["labels"] = list(offer["labels"])
    membership.write(
        folder, membership.Membership(url=url, key=joined.key, agent_id=joined.agent_id, ca=authority, **offer)
    )
    to.screen.say(f"This machine has joined {url} as {joined.agent_id}.")
    if not no_start:
        _start(to, folder)


@agent.command()
@on_server
@click.pass_obj
def start(to: Invocation, server: str | None) -> None:
    """Start the agent; it goes on when you log out."""
    for folder in _chosen(server):
        _start(to, folder)


@agent.command()
@click.option("--kill", is_flag=True, help="End its runs, too, and wait for that.")
@on_server
@click.pass_obj
def stop(to: Invocation, kill: bool, server: str | None) -> None:
    """Stop the agent: it takes no new runs, and those that have begun go on."""
    from gpurun_jupyter.agent.remote import process

    for folder in _chosen(server):
        ended = process.stop(folder, kill=kill)
        to.screen.say(f"The agent for {_url(folder)} {'has ended' if ended else 'was not at work'}.")


@agent.command()
@as_json
@click.pass_obj
def status(to: Invocation, as_json: bool) -> None:
    """List the servers that this machine has joined, and whether their agents are at work."""
    from gpurun_jupyter.agent.remote import membership, process

    found = [
        (membership.read(folder), process.living(folder)) for folder in membership.all_folders(Home(default_home()))
    ]
    if as_json:
        to.screen.json(
            [{"url": one.url, "agent": one.agent_id, "labels": one.labels, "pid": pid} for one, pid in found]
        )
        return
    rows = [
        (one.url, one.agent_id, "not at work" if pid is None else f"at work, pid {pid}", ", ".join(one.labels))
        for one, pid in found
    ]
    empty = "This machine has joined no server; `gpurun agent invite` there gives the line that joins it."
    to.screen.tables([Table("SERVERS", ("server", "agent", "state", "labels"), rows, empty)])


@agent.command()
@click.option("-f", "--follow", is_flag=True, help="Go on until you leave with Ctrl-C.")
@on_server
@click.pass_obj
def logs(to: Invocation, follow: bool, server: str | None) -> None:
    """Print what the agent says."""
    from gpurun_jupyter.agent.remote import process

    (folder,) = _chosen(server, only_one=True)
    home = Home(folder)
    home.agent_log.touch(mode=0o600)
    to.screen.text("".join(process.last_lines(home, _LINES)))
    with home.agent_log.open(errors="replace") as log:
        log.seek(0, os.SEEK_END)
        while follow:
            to.screen.text(log.read())
            time.sleep(_LOOK_S)


@agent.command()
@on_server
@click.pass_obj
def install(to: Invocation, server: str | None) -> None:
    """Write a service of yours that starts the agent with the machine: a systemd unit, or a launchd property list."""
    from gpurun_jupyter.agent.remote import service

    for folder in _chosen(server):
        path, then = service.install(folder)
        to.screen.text(path.read_text())
        to.screen.say(f"written to {path}; have it started: {then}")


def _chosen(server: str | None, *, only_one: bool = False) -> list[Path]:
    """The state directories that are meant. Raises InvalidRequest."""
    from gpurun_jupyter.agent.remote import membership

    home = Home(default_home())
    if server is not None:
        folder = membership.folder_of(home, membership.address(server))
        membership.read(folder)  # or it says that there is none
        return [folder]
    found = list(membership.all_folders(home))
    if not found:
        raise InvalidRequest(
            "This machine has joined no server.", "`gpurun agent invite` there gives the line that joins it."
        )
    if only_one and len(found) > 1:
        raise InvalidRequest("This machine has joined several servers.", "Name one with --server URL.")
    return found


def _url(folder: Path) -> str:
    from gpurun_jupyter.agent.remote import membership

    return membership.read(folder).url


def _start(to: Invocation, folder: Path) -> None:
    from gpurun_jupyter.agent.remote import process

    if process.living(folder) is None:
        process.start(folder)
    to.screen.say(f"The agent for {_url(folder)} is at work; `gpurun agent logs` shows what it says.")
