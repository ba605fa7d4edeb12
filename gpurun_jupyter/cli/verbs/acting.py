"""The verbs that change something: submit, cancel, start, priority, tag, rerun, delete."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from gpurun_jupyter.cli.completion import RUN
from gpurun_jupyter.cli.options import given, run_options, secret_option
from gpurun_jupyter.cli.plan import show_plan
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.streams import whatever_is_shown
from gpurun_jupyter.cli.verbs.looking import LEFT, as_json
from gpurun_jupyter.core.errors import FileMissing, GpurunError, InvalidRequest
from gpurun_jupyter.core.lifecycle import Outcome
from gpurun_jupyter.core.units import format_size
from gpurun_jupyter.views import words

if TYPE_CHECKING:
    from gpurun_jupyter.client import Run


@click.command()
@click.argument("entry", metavar="ENTRY|ZIP", required=False)
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[-- ARGS]...")
@run_options
@click.option(
    "--entry",
    "inside",
    metavar="FILE",
    help="The file to run in a ZIP; default: main.py, or the only script.",
)
@click.option(
    "-m", "--module", metavar="MODULE", help="Run this Python module of the directory instead, as python -m does."
)
@click.option("--wait/--detach", "waits", help="Show it live to its end, or leave it to the queue (the default).")
@as_json
@click.pass_obj
def submit(
    to: Invocation,
    /,
    entry: str | None,
    args: tuple[str, ...],
    inside: str | None,
    module: str | None,
    waits: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Queue ENTRY, a script: with --dir in a copy of that directory, else alone. A ZIP brings its own files.

    What follows -- are the script's own arguments.
    """
    what = _what(entry, args, inside, module, options["directory"])
    if options["sweep"]:
        _sweep(to, what, options, waits=waits, as_json=as_json)
        return
    if options["dry_run"]:
        _plan(to, what, options)
        return
    run = to.client.submit_dir(
        what.path, what.entry, what.args, module=what.module, tell=to.screen.say, **given(options)
    )
    if as_json and not waits:
        to.screen.json(run.record)
    elif not waits:
        to.screen.text(f"run {run.name} {words.how(run.record)} (id {run.id})\n")
    else:
        to.screen.say(f"run {run.name} (id {run.id})")
        watch(to, run, as_json)


@click.command()
@click.argument("run", nargs=-1, required=True, type=RUN)
@click.option("--kill", is_flag=True, help="End it at once instead of interrupting it first.")
@click.pass_obj
def cancel(to: Invocation, run: tuple[str, ...], kill: bool) -> None:
    """End every RUN: interrupted first, killed when asked again."""
    refused: GpurunError | None = None
    for ref in run:
        try:
            found = to.client.get(ref).cancel(kill)
        except GpurunError as error:
            refused = refused or error  # the others are ended all the same
        else:
            to.screen.text(f"{words.state_line(found.record)}\n")
    if refused:
        raise refused


@click.command()
@click.argument("run", nargs=-1, required=True, type=RUN)
@click.pass_obj
def start(to: Invocation, run: tuple[str, ...]) -> None:
    """Queue every RUN that was created with --hold."""
    for ref in run:
        to.screen.text(f"{words.state_line(to.client.get(ref).start().record)}\n")


# A negative number would be taken for an option.
@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("run", type=RUN)
@click.argument("number", type=int, metavar="N")
@click.pass_obj
def priority(to: Invocation, run: str, number: int) -> None:
    """Give RUN, which waits, another priority: higher starts earlier."""
    to.screen.text(f"{words.state_line(to.client.get(run).change(priority=number).record)}\n")


@click.command()
@click.argument("run", type=RUN)
@click.argument("tags", nargs=-1, metavar="TAG...")
@click.pass_obj
def tag(to: Invocation, run: str, tags: tuple[str, ...]) -> None:
    """Give RUN these tags instead of those it has."""
    to.client.get(run).change(tags=list(tags))


@click.command()
@click.argument("run", type=RUN)
@click.option("--set", "changes", multiple=True, metavar="K=V", help="Change an option: gpu=2, timeout=1h, env.LR=0.1.")
@secret_option
@click.option("--wait", "waits", is_flag=True, help="Show it to its end; exits with 0 only if it succeeds.")
@as_json
@click.pass_obj
def rerun(
    to: Invocation, run: str, changes: tuple[str, ...], secrets: dict[str, str | None], waits: bool, as_json: bool
) -> None:
    """Run RUN again, as it was or with some options changed; its secrets are taken from here or asked for anew."""
    again = to.client.get(run).rerun(**_changed(changes), **({"secrets": secrets} if secrets else {}))
    if waits:
        watch(to, again, as_json)
    elif as_json:
        to.screen.json(again.record)
    else:
        to.screen.text(f"run {again.name} {words.how(again.record)} (id {again.id})\n")


@click.command()
@click.argument("run", nargs=-1, required=True, type=RUN)
@click.option("--restore", is_flag=True, help="Take it back: RUN is then the id of a run that was deleted just now.")
@click.pass_obj
def delete(to: Invocation, run: tuple[str, ...], restore: bool) -> None:
    """Delete every RUN with its files; for ten minutes that can be taken back."""
    for ref in run:
        if restore:  # a deleted run is not found by name
            to.screen.text(f"{words.state_line(to.client.restore(ref).record)}\n")
            continue
        found = to.client.get(ref)
        found.delete()
        to.screen.text(f"deleted {found.name}; `gpurun delete --restore {found.id}` brings it back\n")


def _changed(pairs: tuple[str, ...]) -> dict[str, Any]:
    """`gpu=2` is a number, `name=x` a text, `env.LR=0.1` a variable."""
    changes: dict[str, Any] = {}
    for pair in pairs:
        key, equals, text = pair.partition("=")
        if not equals:
            raise InvalidRequest(f"{pair!r} says no value.", "Write --set NAME=VALUE.")
        if key.startswith("env."):
            changes.setdefault("env", {})[key.removeprefix("env.")] = text
        else:
            changes[key] = _value(text)
    return changes


def _value(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


class _What(NamedTuple):
    """The directory, zip or file to ship, and the file of it or the module to run, with its arguments."""

    path: Path
    entry: str | None
    module: str | None
    args: tuple[str, ...]


def _what(
    entry: str | None, args: tuple[str, ...], inside: str | None, module: str | None, directory: str | None
) -> _What:
    """What a command line is about. Raises InvalidRequest and FileMissing."""
    if directory is not None and inside is not None:
        raise InvalidRequest("--entry names a file of a ZIP.", "With --dir, name the file itself.")
    if directory is not None:
        path = Path(directory).expanduser()
        if not path.is_dir():
            raise FileMissing(f"There is no directory {directory!r}.", "Name one that exists.")
        if module is not None:  # what else there is are its arguments
            return _What(path, None, module, (*([] if entry is None else [entry]), *args))
    elif module is not None and not (entry and entry.lower().endswith(".zip")):
        raise InvalidRequest("A module is run in a directory, and none is said.", "Add --dir . for this one.")
    if entry is None:
        raise InvalidRequest("There is nothing to run.", "Name a script, a ZIP, or a module with -m.")
    if directory is None:
        return _What(Path(entry).expanduser(), inside, module, args)
    return _What(path, _place_in(path, entry), None, args)


def _sweep(to: Invocation, what: _What, options: dict[str, Any], *, waits: bool, as_json: bool) -> None:
    from gpurun_jupyter.cli.verbs.sweeps import as_file, launch

    directory = None if options["directory"] is None else str(what.path)
    entry = str(what.path) if directory is None else what.entry
    run = {"module": what.module} if what.module else {"entry": entry}
    file = as_file(options | {"directory": None}, dir=directory, **run, args=list(what.args), values=options["sweep"])
    launch(to, file, waits=waits, as_json=as_json, dry=options["dry_run"], secrets=options["secrets"])


def _plan(to: Invocation, what: _What, options: dict[str, Any]) -> None:
    from gpurun_jupyter.shipping.entries import chosen

    entry, shipment, notes = chosen(what.path, what.entry, module=what.module)
    for note in notes:
        to.screen.say(note)
    of_zip = "" if shipment else f" of {what.path.name} ({format_size(what.path.stat().st_size)}, shipped as it is)"
    run = ["-m", what.module] if what.module else [entry or ""]
    show_plan(to, shlex.join([*run, *what.args]) + of_zip, shipment, given(options))


def _place_in(directory: Path, entry: str) -> str:
    """The entry's path in the directory, whether it was named from there or from here."""
    from gpurun_jupyter.shipping.entries import place_in

    here = Path(entry).expanduser().absolute()
    from_here = not (directory / entry).is_file() and here.is_file()  # the shell completes from here
    return place_in(directory, str(here) if from_here else entry)


def watch(to: Invocation, run: Run, as_json: bool) -> None:
    """Show the run to its end or, for programs, wait for it in silence; then exit as it ended, shown or not."""
    with whatever_is_shown(to.screen.say):
        if as_json:
            to.screen.json(run.wait().record)
        elif to.screen.follow(run, "detach") is None:
            raise click.exceptions.Exit(LEFT)
    # Where the output was lost, the run may be at work still.
    if (run.outcome or run.wait().outcome) is not Outcome.SUCCEEDED:
        raise click.exceptions.Exit(1)
