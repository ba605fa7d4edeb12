"""The verbs that look at more than one run, or at what one left: files, projects, stats, agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gpurun_jupyter.cli.completion import RUN
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.verbs.looking import as_json
from gpurun_jupyter.core.units import format_elapsed, format_size
from gpurun_jupyter.report.file_names import as_text, as_typed
from gpurun_jupyter.views import words
from gpurun_jupyter.views.tables import Table

if TYPE_CHECKING:
    from gpurun_jupyter.core.run_files import RunFile


@click.command()
@click.argument("run", type=RUN)
@click.argument("path", nargs=-1)
@click.option("--to", "place", metavar="DIR", default=".", show_default=True, help="Where to put what is downloaded.")
@click.option("--all", "everything", is_flag=True, help="List what was shipped and is unchanged, too.")
@as_json
@click.pass_obj
def files(to: Invocation, run: str, path: tuple[str, ...], place: str, everything: bool, as_json: bool) -> None:
    """List the files that RUN made or changed; with PATHs, download these."""
    from gpurun_jupyter.client.run_files import MOST_FILES

    found = to.client.get(run)
    for one in path:
        to.screen.say(f"{as_typed(one)} → {as_text(found.download(one, place))}")
    if path:
        return
    left = found.files()
    if len(left) == MOST_FILES:
        to.screen.say(f"It left more files than these {MOST_FILES:,}.")
    if as_json:
        to.screen.json(left)
        return
    made = [file for file in left if not file.shipped]
    shipped = [file for file in left if file.shipped]
    tables = [Table("FILES", _FILE_COLUMNS, [_file_row(file) for file in made], "It made and changed no files.")]
    if shipped:
        rows = [_file_row(file) for file in shipped] if everything else []
        tables.append(Table("SHIPPED", _FILE_COLUMNS, rows, f"{_unchanged(shipped)}; --all lists them"))
    to.screen.tables(tables)


_FILE_COLUMNS = ("path", "size", "changed")


def _file_row(file: RunFile) -> tuple[str, ...]:
    return file.path, format_size(file.size), words.ago(file.modified_at)


def _unchanged(shipped: list[RunFile]) -> str:
    """`12 files (3.4 MB), unchanged`."""
    size = format_size(sum(file.size for file in shipped))
    return f"{len(shipped):,} file{'' if len(shipped) == 1 else 's'} ({size}), unchanged"


@click.command()
@as_json
@click.pass_obj
def projects(to: Invocation, as_json: bool) -> None:
    """List the projects with the numbers of their runs."""
    found = to.client.projects()
    if as_json:
        to.screen.json(found)
        return
    rows = [
        (one["name"], str(one["runs"]), _counts(one["states"] | one["outcomes"]), words.ago(one["latest_at"]))
        for one in found
    ]
    to.screen.tables([Table("PROJECTS", ("project", "runs", "of which", "newest"), rows, "no runs yet")])


@click.command()
@as_json
@click.pass_obj
def stats(to: Invocation, as_json: bool) -> None:
    """Count runs by state and outcome, models by status, and how much each device was used."""
    found = to.client.stats()
    if as_json:
        to.screen.json(found)
        return
    durations = [f"{kind} {format_elapsed(seconds)}" for kind, seconds in found["mean_duration_s"].items()]
    facts = {
        "by state": _counts(found["states"]),
        "by outcome": _counts(found["outcomes"]),
        "last 24 hours": _counts(found["outcomes_last_day"]),
        "mean duration": " · ".join(durations),
        "models": _counts(found["models"]),
    }
    devices = [
        (use["agent"], use["device"], str(use["runs"]), format_elapsed(use["seconds"])) for use in found["devices"]
    ]
    to.screen.tables(
        [
            Table("RUNS", ("", ""), [(what, text) for what, text in facts.items() if text], "no runs yet"),
            Table("DEVICES", ("machine", "device", "runs", "time"), devices, "no device has carried out a run yet"),
        ]
    )


@click.command()
@as_json
@click.pass_obj
def agents(to: Invocation, as_json: bool) -> None:
    """List the agents: the machines that offer devices, and whether they are heard."""
    found = to.client.agents()
    if as_json:
        to.screen.json(found)
        return
    rows = [
        (
            one["id"],
            words.health_of(one["health"], one["sync"], one["behind_s"]),
            words.ago(0.0, one["heard_s_ago"]),
            one["version"],
            _offered(one),
        )
        for one in found
    ]
    to.screen.tables([Table("AGENTS", ("machine", "health", "heard", "version", "offers"), rows, "no agent yet")])


def _counts(numbers: dict[str, int]) -> str:
    shown = {name: count for name, count in numbers.items() if name != "finished"}
    return " · ".join(f"{count} {name.replace('_', ' ')}" for name, count in shown.items())


def _offered(agent: dict[str, object]) -> str:
    offered = [f"{agent['gpus']} GPUs" if agent["gpus"] else "", f"{agent['cpu_slots']} CPU slots"]
    labels = agent["labels"] if isinstance(agent["labels"], list) else []
    return " · ".join(part for part in (*offered, ", ".join(labels)) if part)
