"""`doctor`: looks at everything that a run needs, and says of what is wrong what to do."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

import click

from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.verbs.looking import as_json
from gpurun_jupyter.core.errors import GpurunError, RouteMissing
from gpurun_jupyter.core.home import Home, RunFolder
from gpurun_jupyter.core.system.proxies import proxy_for
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.views.tables import Table

if TYPE_CHECKING:
    from gpurun_jupyter.client import Client
    from gpurun_jupyter.core.devices import Agent

_LITTLE_BYTES, _NONE_BYTES = 5 * 2**30, 256 * 2**20
_SIGNS = {"fine": "✓", "note": "!", "wrong": "✗"}


class Finding(NamedTuple):
    """One thing that was looked at: whether it is fine, what it is, and what to do about it."""

    verdict: Literal["fine", "note", "wrong"]
    what: str
    says: str
    remedy: str = ""


@click.command()
@click.option("--notices", "trial", is_flag=True, help="Send a trial to whoever is told of your runs.")
@as_json
@click.pass_obj
def doctor(to: Invocation, trial: bool, as_json: bool) -> None:
    """Look at server, agents, GPUs, kernels, versions, disk, proxies, notices; exits with 1 if something is wrong."""
    found = list(_findings(to, trial))
    if as_json:
        to.screen.json([finding._asdict() for finding in found])
    else:
        rows = [(f"{_SIGNS[one.verdict]} {one.what}", " ".join(filter(None, (one.says, one.remedy)))) for one in found]
        to.screen.tables([Table("", ("", ""), rows, "")])
    if any(finding.verdict == "wrong" for finding in found):
        raise click.exceptions.Exit(1)


def _findings(to: Invocation, trial: bool) -> Iterator[Finding]:
    yield from _here()
    yield from _locks()
    try:
        client = to.client
        status = client.status()
    except GpurunError as error:
        yield Finding("wrong", "server", error.message, error.hint)
        return
    yield Finding("fine", "server", f"{client.url}, state in {status['home']}")
    yield _versions(str(status["version"]))
    yield from _database(Home(status["home"]), status["runs"])
    yield _disk(int(status["disk_free_bytes"]))
    yield from _proxies(client.url)
    yield from _agents(client)
    yield from _notices(client, trial)


def _here() -> Iterator[Finding]:
    """This environment: the interpreter, its kernels, the lab extension."""
    yield Finding("fine", "Python", f"{sys.version.split()[0]} in {sys.prefix}")
    yield _kernels()
    if _version_of("jupyterlab") is None:  # pages may be served from another environment
        return
    extension = Path(sys.prefix, "share", "jupyter", "labextensions", "gpurun-lab", "package.json")
    if extension.exists():
        yield Finding("fine", "JupyterLab", f"{_version_of('jupyterlab')}, with the extension")
    else:
        remedy = "Install gpurun-jupyter again in the environment of JupyterLab."
        yield Finding("note", "JupyterLab", "has no extension of gpurun here: cells show a widget.", remedy)


def _kernels() -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager  # half a second, for this verb alone

    names = sorted(KernelSpecManager().find_kernel_specs())
    if "python3" in names:
        return Finding("fine", "kernels", ", ".join(names))
    return Finding("wrong", "kernels", f"there is no python3 among {names or 'none'}.", "pip install ipykernel")


def _locks() -> Iterator[Finding]:
    """The directory of this machine's GPU locks, once there is one: whoever owns it can remove those of others."""
    if os.name != "posix":
        return
    from gpurun_jupyter.agent.devices.lock_files import locks_folder, owner_of

    folder = locks_folder()
    try:
        status = folder.lstat()
    except OSError:
        return
    says = f"{folder} belongs to {owner_of(folder)}"
    if status.st_uid in (0, os.geteuid()):
        yield Finding("fine", "GPU locks", says)
    else:
        says += ", who can remove locks of others. On Linux gpurun notices that, and leaves such a GPU alone."
        remedy = f"An administrator ends that: sudo install -d -m 1777 -o root -g root {folder} (SECURITY.md)."
        yield Finding("note", "GPU locks", says, remedy)


def _locked(agent: Agent) -> Iterator[Finding]:
    """Devices that are held by what is not in this queue."""
    for device in agent.devices:
        if device.locked_by and not device.holder:
            remedy = "If that is not wanted, its user or an administrator has to end it; `sudo lslocks` lists all."
            yield Finding("note", "GPU", f"{agent.id}: {device.label} is held by {device.locked_by}.", remedy)


def _versions(of_server: str) -> Finding:
    here = _version_of("gpurun-jupyter") or "unknown"
    if here == of_server:
        return Finding("fine", "version", f"{here}, here and in the server")
    remedy = "Install the same version of gpurun-jupyter in both environments."
    return Finding("note", "version", f"{here} here, {of_server} in the server.", remedy)


def _database(home: Home, runs: dict[str, int]) -> Iterator[Finding]:
    """Whether it is a new one in the place of one that was lost, as far as that can be seen from here."""
    kept = (path for path in home.runs.glob("*/run.json") if not RunFolder(path.parent).deleted.exists())
    if not any(runs.values()) and any(kept):
        says = f"has no runs of yours, but {home.runs} has folders of runs."
        yield Finding("note", "database", says, "If it was lost, `gpurun reindex` builds it again from them.")


def _disk(free_bytes: int) -> Finding:
    says = f"{format_size(free_bytes)} free where runs are kept"
    if free_bytes >= _LITTLE_BYTES:
        return Finding("fine", "disk", says)
    remedy = "Delete runs, or name a larger disk with GPURUN_HOME."
    return Finding("wrong" if free_bytes < _NONE_BYTES else "note", "disk", f"{says}.", remedy)


def _proxies(url: str) -> Iterator[Finding]:
    if proxy := proxy_for(url):
        remedy = f"If that is not wanted, add {urlsplit(url).hostname} to NO_PROXY."
        yield Finding("note", "proxy", f"{urlsplit(proxy).hostname} stands between here and the server.", remedy)


def _agents(client: Client) -> Iterator[Finding]:
    found = client.devices()
    if not found:
        yield Finding("wrong", "agents", "none has reported.", "agent.log in the state directory says why.")
    for agent in found:
        gpus = [device.name or device.label for device in agent.devices if device.kind != "cpu"]
        says = f"{agent.id}: {', '.join(gpus) if gpus else 'no GPU'}, version {agent.version}"
        if agent.health == "healthy":
            yield Finding("fine", "agent", says)
        else:
            remedy = "Look at that machine, and at its agent.log."
            yield Finding("wrong", "agent", f"{says}, {agent.health} for {agent.heard_s_ago:.0f} s.", remedy)
        yield from _locked(agent)
    if found and not any(device.kind != "cpu" for agent in found for device in agent.devices):
        remedy = "On a machine that has one, `nvidia-smi` must work for the user of the Jupyter server."
        yield Finding("note", "GPUs", "no agent has one: runs get CPU slots.", remedy)


def _notices(client: Client, trial: bool) -> Iterator[Finding]:
    try:
        found = client.notices(trial=trial)
    except RouteMissing:
        return  # an older server; the versions say so
    if not found:
        remedy = "Set GpurunApp.notices where the server runs: docs/watching.md."
        yield Finding("wrong" if trial else "fine", "notices", "nobody is told of your runs.", remedy if trial else "")
    for one in found:
        if one["problem"]:
            yield Finding("wrong", "notices", one["problem"], one["hint"])
        else:
            of = f" of {', '.join(one['projects'])}" if one["projects"] else ""
            done = "took a trial; it is told of" if trial else "is told of"
            yield Finding("fine", "notices", f"{one['service']} {done} {', '.join(one['on'])}{of}")


def _version_of(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
