"""Launch files, and a run for each combination of some values."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gpurun_jupyter.cli.options import given, secret_option
from gpurun_jupyter.cli.plan import show_plan
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.streams import whatever_is_shown
from gpurun_jupyter.cli.verbs.looking import LEFT, as_json
from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.lifecycle import Outcome
from gpurun_jupyter.views import words
from gpurun_jupyter.views.tables import Table

if TYPE_CHECKING:
    from gpurun_jupyter.client import Run
    from gpurun_jupyter.core.launch.file import LaunchFile
    from gpurun_jupyter.core.runs import RunSpec

_COMBINATIONS_SHOWN = 10


@click.command()
@click.argument("file", metavar="FILE.yaml")
@click.option("--dry-run", "dry", is_flag=True, help="Show the combinations, what is shipped and where it starts.")
@secret_option
@click.option("--hold", is_flag=True, help="Create the runs, but queue each only when it is started.")
@click.option("--wait/--detach", "waits", help="Wait for all runs, or leave them to the queue (the default).")
@as_json
@click.pass_obj
def sweep(
    to: Invocation, file: str, secrets: dict[str, str | None], dry: bool, hold: bool, waits: bool, as_json: bool
) -> None:
    """Queue what the launch file FILE.yaml describes: a run for each combination of the lists in its `values`.

    With --wait it exits with 0 only if all succeeded.
    """
    launch(to, file, hold=hold, waits=waits, as_json=as_json, dry=dry, secrets=secrets)


def as_file(options: dict[str, Any], **what: Any) -> LaunchFile:
    """The options of a command as a launch file. Raises InvalidRequest."""
    from gpurun_jupyter.core.launch.file import LaunchFile

    fields = {**given(options), **what, "secrets": list(options.get("secrets") or ())}
    if options.get("directory") is not None:
        fields["dir"] = options["directory"]
    try:
        return msgspec.convert(fields, LaunchFile)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"{error}.", "See --help.") from error


def launch(
    to: Invocation,
    file: str | LaunchFile,
    *,
    waits: bool,
    as_json: bool,
    hold: bool = False,
    dry: bool = False,
    secrets: dict[str, str | None] | None = None,
) -> None:
    """Queue the runs of a launch file and show them, or show what there would be."""
    if dry:
        show_dry(to, file)
        return
    found = to.client.sweep(file, hold=hold, secrets=secrets, tell=None if as_json else to.screen.say)
    if waits:
        _wait(to, found)  # first, so that the table shows how they ended
    with whatever_is_shown(to.screen.say) if waits else nullcontext():
        if as_json:
            to.screen.json([run.record for run in found])
        else:
            show(to, found)
    if waits and any(run.outcome is not Outcome.SUCCEEDED for run in found):
        raise click.exceptions.Exit(1)


def show(to: Invocation, found: list[Run]) -> None:
    """The runs in a table."""
    rows = [(run.name, run.id, words.how(run.record)) for run in found]
    to.screen.tables([Table("RUNS", ("run", "id", "state"), rows, "")])


def show_dry(to: Invocation, file: str | LaunchFile) -> None:
    """What a launch file would do."""
    from gpurun_jupyter.client.sweeps import read
    from gpurun_jupyter.core.launch.grid import combinations, text_of
    from gpurun_jupyter.shipping.gather import gather

    found, folder = read(file)
    gathered = gather(found, folder, lambda reference: _spec_of(to, reference))
    several = combinations(found.values)
    spec = gathered.spec(found, "0" * 64 if gathered.shipment else None)
    run = ["-m", found.module] if found.module else [gathered.entry or found.entry] if found.entry else []
    what = shlex.join([*run, *found.args]) if run else found.notebook or "a cell"
    options = msgspec.to_builtins(spec) | {"gpu_mem": spec.gpu_mem_bytes, "data": found.data}
    show_plan(to, what, gathered.shipment, {name: value for name, value in options.items() if value is not None})
    lines = [" ".join(f"{name}={text_of(value)}" for name, value in one.items()) for one in several]
    shown = lines[:_COMBINATIONS_SHOWN]
    if len(lines) > len(shown):
        shown.append(f"and {len(lines) - len(shown):,} more")
    count = f"{len(lines):,} run{'' if len(lines) == 1 else 's'}"
    to.screen.text("".join(f"{'' if number else count:8}{line}\n" for number, line in enumerate(shown)))


def _spec_of(to: Invocation, reference: str) -> RunSpec:
    spec = to.client.get(reference).record.spec
    assert spec is not None  # asked for one run, the server gives it
    return spec


def _wait(to: Invocation, found: list[Run]) -> None:
    from gpurun_jupyter.client.waiting import wait_for

    try:
        wait_for(found, tell=to.screen.say)
    except KeyboardInterrupt:
        to.screen.say("Left; the runs go on.")
        raise click.exceptions.Exit(LEFT) from None
