"""The verbs of `agent`: this machine joins a server, and its agent works there as a daemon."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gpurun_jupyter.cli.options import duration, intervals
from gpurun_jupyter.cli.screen import Invocation, installed
from gpurun_jupyter.cli.verbs.looking import as_json
from gpurun_jupyter.core.errors import InvalidRequest, ServerUnreachable
from gpurun_jupyter.core.home import Home, default_home
from gpurun_jupyter.core.labels import MODEL, checked
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.views.tables import Table

if TYPE_CHECKING:
    from gpurun_jupyter.agent.remote.sync_status import SyncStatus

_LOOK_S = 0.1
_NO_SERVER = 3
_LINES = 20


a_file = click.Path(exists=True, dir_okay=False, path_type=Path)
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
    """Remove the machine AGENT, which you invited: it is let in no more, its runs and sessions end."""
    to.client.revoke(agent_id)
    to.screen.say(f"{agent_id} is let in no more.")


@agent.command()
@click.argument("url")
@click.option("--token", required=True, metavar="T", help="What `gpurun agent invite` gave.")
@click.option("--name", metavar="NAME", default="", help="What to call this machine; default: its host name.")
@click.option("--label", "labels", multiple=True, metavar="L", help="A word to find it by (--on); may be repeated.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="A model that it keeps (--on model:NAME).")
@click.option("--ca", metavar="FILE", type=a_file, help="Certificates to trust, of an authority of your own.")
@click.option(
    "--cpu-slots", type=click.IntRange(0), metavar="N", help="Runs without a GPU at once; default: a core each."
)
@click.option("--spares", type=click.IntRange(0), metavar="N", default=1, help="Kernels kept ready for cells.")
@click.option(
    "--session-idle",
    "session_idle_s",
    callback=duration,
    default="30m",
    metavar="30m",
    help="End a session that is idle for so long; default: 30m.",
)
@intervals
@click.option("--no-start", is_flag=True, help="Join, but do not start the agent.")
@click.pass_obj
def join(to: Invocation, /, url: str, token: str, name: str, ca: Path | None, no_start: bool, **offer: Any) -> None:
    """Join the server at URL, and start the agent that works for it."""
    from gpurun_jupyter.agent.remote import joining, membership, process

    url, authority = membership.address(url), None if ca is None else str(ca.expanduser().resolve())
    folder = membership.folder_of(Home(default_home()), url)
    process.check_stopped(folder, url)  # before the token is used, which is good once
    joined = joining.join(joining.Asked(url, token, name, authority))
    offer = {what: value for what, value in offer.items() if value is not None}
    offer["labels"] = checked([*offer["labels"], *_as_labels(offer.pop("models"))])
    membership.write(
        folder, membership.Membership(url=url, key=joined.key, agent_id=joined.agent_id, ca=authority, **offer)
    )
    if no_start:
        to.screen.say(f"{joined.agent_id} may work for {url}; `gpurun agent start` begins.")
        return
    contact = process.start(folder)
    if contact is None or contact.trouble:
        raise ServerUnreachable(
            f"{joined.agent_id} has joined {url}, but its reports do not arrive: {contact and contact.trouble}.",
            "It goes on trying. `gpurun agent logs -f` shows that, `gpurun agent stop` ends it.",
        )
    to.screen.say(f"{joined.agent_id} has joined {url}; {contact.offers}. `gpurun agent logs` shows what it says.")


@agent.command()
@click.argument("labels", nargs=-1, metavar="[LABEL]...")
@click.option("--model", "models", multiple=True, metavar="NAME", help="A model that it keeps from now on.")
@click.option("--remove", multiple=True, metavar="L", help="A label to take away; may be repeated.")
@on_server
@as_json
@click.pass_obj
def labels(
    to: Invocation,
    /,
    labels: tuple[str, ...],
    models: tuple[str, ...],
    remove: tuple[str, ...],
    server: str | None,
    as_json: bool,
) -> None:
    """Give this machine LABELs, or take some away; without any, list them. Its agent tells them within seconds.

    Kernels and frameworks that are installed here are labels by themselves: kernel:ir, framework:torch.
    """
    from gpurun_jupyter.agent.remote import membership

    found: dict[str, list[str]] = {}
    for folder in _chosen(server):
        one = membership.read(folder)
        kept = [label for label in [*one.labels, *labels, *_as_labels(models)] if label not in remove]
        given = checked(kept)
        if given != one.labels:
            membership.write(folder, msgspec.structs.replace(one, labels=given))
        found[one.url] = given
    if as_json:
        to.screen.json([{"url": url, "labels": given} for url, given in found.items()])
        return
    for url, given in found.items():
        to.screen.text(f"{url} {', '.join(given) or 'none'}\n")


def _as_labels(models: Iterable[str]) -> list[str]:
    return [f"{MODEL}:{name}" for name in models]


@agent.command()
@intervals
@on_server
@click.pass_obj
def start(to: Invocation, server: str | None, **given: float | None) -> None:
    """Start the agent; it goes on when you log out."""
    from gpurun_jupyter.agent.remote import membership, process

    for folder in _chosen(server):
        if changed := {what: value for what, value in given.items() if value is not None}:
            process.check_stopped(folder, _url(folder))
            membership.write(folder, msgspec.structs.replace(membership.read(folder), **changed))
        _start(to, folder)


@agent.command()
@click.option("--kill", is_flag=True, help="End its runs and sessions, too, and wait for that.")
@on_server
@click.pass_obj
def stop(to: Invocation, kill: bool, server: str | None) -> None:
    """Stop the agent: it takes no new runs; those that have begun, and sessions, go on."""
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

    folders = list(membership.all_folders(Home(default_home())))
    found = [(membership.read(folder), process.living(folder), process.trouble(folder)) for folder in folders]
    if as_json:
        keys = ("url", "agent", "labels", "pid", "trouble")
        told = [(one.url, one.agent_id, one.labels, pid, trouble) for one, pid, trouble in found]
        to.screen.json([dict(zip(keys, values, strict=True)) for values in told])
        return
    rows = [(one.url, one.agent_id, _state(pid, trouble), ", ".join(one.labels)) for one, pid, trouble in found]
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
    home.agent_log.touch(mode=0o600)  # an agent that never ran has none
    to.screen.text("".join(process.last_lines(home, _LINES)))
    with home.agent_log.open(errors="replace") as log:
        log.seek(0, os.SEEK_END)
        while follow:
            to.screen.text(log.read())
            time.sleep(_LOOK_S)


@agent.command()
@click.argument("run", required=False)
@click.option("--timeout", callback=duration, default="30s", metavar="10m", help="Wait so long; 30s by default.")
@on_server
@as_json
@click.pass_obj
def sync(to: Invocation, run: str | None, timeout: float, server: str | None, as_json: bool) -> int:
    """Have the agent reach its server now, and wait until that has everything: of RUN, or of all runs here.

    Exits with 0 if it has, 1 if something is behind still, 3 if it could not be reached.
    """
    from gpurun_jupyter.agent.remote import sync_status

    found = {_url(folder): sync_status.ask(folder, run, timeout) for folder in _chosen(server)}
    if as_json:
        to.screen.json([{"url": url, "synced": one.synced, **msgspec.to_builtins(one)} for url, one in found.items()])
    for url, one in () if as_json else found.items():
        to.screen.text("".join(f"{line}\n" for line in _how_it_stands(url, one)))
    return max(_NO_SERVER if one.trouble else int(not one.synced) for one in found.values())  # the worst of several


def _how_it_stands(url: str, found: SyncStatus) -> Iterator[str]:
    if found.synced:
        yield f"{url} has everything."
        return
    yield (f"{url} could not be reached: {found.trouble}" if found.trouble else f"{url} has not got everything yet:")
    for one in found.behind:
        log = f"{format_size(one.log_bytes)} of its log" if one.log_bytes else ""
        kept = f"checkpoint {', '.join(one.checkpoints)}" if one.checkpoints else ""
        left = "what it left at its end" if one.files else ""
        yield f"  {one.name} ({one.run}, attempt {one.attempt}): {', '.join(filter(None, (log, kept, left)))}"


@agent.command()
@on_server
@click.pass_obj
def install(to: Invocation, server: str | None) -> None:
    """Write a service of yours that starts the agent with the machine: a systemd unit, or a launchd property list."""
    from gpurun_jupyter.agent.remote.service import service_of

    for folder in _chosen(server):
        installed(to.screen, service_of(folder))


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
    if trouble := process.trouble(folder):
        to.screen.say(f"Its server is not reached: {trouble}. It goes on trying.")


def _state(pid: int | None, trouble: str) -> str:
    if pid is None:
        return "not at work"
    return f"at work, pid {pid}" + (f"; not heard: {trouble}" if trouble else "")
