"""The verbs that look for runs and at several at once: runs, compare."""

from __future__ import annotations

from typing import Any

import click

from gpurun_jupyter.cli.completion import RUN
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.verbs.looking import as_json
from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.core.runs import Run as RunRecord
from gpurun_jupyter.views import words
from gpurun_jupyter.views.tables import Table

_SECTIONS = ("parameters", "metrics", "environment", "spec")


@click.command()
@click.option("--where", metavar="CONDITION", help="Only runs that fulfil it: 'acc > 0.9 and lr = 0.1'.")
@click.option("--sort", metavar="NAME", help="By a column, metric or parameter; -NAME: from the highest down.")
@click.option("--search", "q", metavar="TEXT", help="Only runs with this in name, id, tags or message.")
@click.option("--project", metavar="NAME", help="Only runs of this project.")
@click.option("--state", type=click.Choice([state.value for state in State]), help="Only runs in this state.")
@click.option("--outcome", type=click.Choice([outcome.value for outcome in Outcome]), help="Only those that ended so.")
@click.option("--owner", metavar="NAME", help="Only runs of this person.")
@click.option("--after", metavar="DATE", help="Only runs created on or after this date.")
@click.option("--before", metavar="DATE", help="Only runs created before this date.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at most.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all of them as CSV, with every metric and parameter.")
@as_json
@click.pass_obj
def runs(to: Invocation, /, as_json: bool, as_csv: bool, limit: int, **search: Any) -> None:
    """List runs, the newest first."""
    if as_csv:
        for piece in to.client.runs_csv(**search):
            to.screen.text(piece)
        return
    records = [run.record for run in to.client.runs(limit=limit, **search)]
    if as_json:
        to.screen.json(records)
        return
    columns = ("ID", "NAME", "PROJECT", "STATE", "TIME", "CREATED", "METRICS")
    rows = [_row(record) for record in records]
    to.screen.tables([Table("", columns, rows, "There are no such runs.")])


@click.command()
@click.argument("run", nargs=-1, required=True, type=RUN)
@click.option("--all", "everything", is_flag=True, help="Show what is equal, too.")
@as_json
@click.pass_obj
def compare(to: Invocation, run: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """Show RUNs side by side: parameters, metrics, environment and options that differ."""
    found = to.client.compare(*run, everything=everything)
    if as_json:
        to.screen.json(found)
        return
    names = tuple(f"{one['name']} ({one['id']})" for one in found["runs"])
    sections = {section: [_line(line) for line in found[section]] for section in _SECTIONS}
    tables = [Table(name.upper(), (name, *names), rows, "") for name, rows in sections.items() if rows]
    to.screen.tables(tables or [Table("", ("",), [], "They do not differ.")])


def _line(line: dict[str, Any]) -> tuple[str, ...]:
    values = [value.get("last") if isinstance(value, dict) else value for value in line["values"]]
    return line["name"], *(
        "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value) for value in values
    )


def _row(record: RunRecord) -> tuple[str, ...]:
    how = (record.outcome or record.state).value.replace("_", " ")
    done = words.percent(record) if record.state is not State.FINISHED else ""
    now = " · ".join(part for part in (f"{words.glyph(record)} {how} {done}".rstrip(), words.behind(record)) if part)
    return (
        record.id,
        words.listed_name(record),
        record.project,
        now,
        words.elapsed(record),
        words.ago(record.created_at),
        words.metrics(record),
    )
