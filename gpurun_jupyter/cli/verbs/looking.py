"""The verbs that look: status, devices, logs, attach, wait."""

from __future__ import annotations

import json
from typing import Any

import click

from gpurun_jupyter.cli.completion import RUN
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.streams import whatever_is_shown
from gpurun_jupyter.core.devices import Agent
from gpurun_jupyter.core.lifecycle import Outcome, State
from gpurun_jupyter.core.numbers import written
from gpurun_jupyter.core.parameters import facts_in, logged_in
from gpurun_jupyter.core.runs import HEARD_OF, MetricSummary
from gpurun_jupyter.core.runs import Run as RunRecord
from gpurun_jupyter.core.sessions import Session
from gpurun_jupyter.views import words
from gpurun_jupyter.views.tables import Table

_RECENT = 200
_OTHERS_SHOWN = 5
_ATTACH_LINES = 100
_ASKED = {"end": "ending", "restart": "restarting"}
#: The exit code of a command that was left by Ctrl-C, as shells have it.
LEFT = 130

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


@click.command()
@click.argument("run", required=False, type=RUN)
@as_json
@click.pass_obj
def status(to: Invocation, run: str | None, as_json: bool) -> None:
    """Show devices and runs, or how one RUN is."""
    if run is not None:
        _one_run(to, to.client.get(run).record, as_json)
        return
    agents, records = to.client.devices(), [found.record for found in to.client.runs(limit=_RECENT)]
    shown = _of_interest(records)
    if as_json:
        to.screen.json({"server": {"url": to.client.url, **to.client.status()}, "agents": agents, "runs": shown})
        return
    runs_table = Table("RUNS", ("run", "state"), [_run_row(record) for record in shown], "no runs yet")
    to.screen.tables([_device_table(agents), runs_table])


@click.command()
@as_json
@click.pass_obj
def devices(to: Invocation, as_json: bool) -> None:
    """List the machines and their devices: use, memory, and what holds them."""
    agents = to.client.devices()
    if as_json:
        to.screen.json(agents)
    else:
        to.screen.tables([_device_table(agents)])


@click.command()
@click.argument("run", type=RUN)
@click.option("-f", "--follow", is_flag=True, help="Go on until the run has finished; Ctrl-C leaves it.")
@click.option("--tail", type=click.IntRange(0), metavar="N", help="Only the last N lines.")
@click.pass_obj
def logs(to: Invocation, run: str, follow: bool, tail: int | None) -> None:
    """Print what RUN printed."""
    found = to.client.get(run)
    if follow:
        to.screen.follow(found, "detach", tail)
    else:
        to.screen.text(found.logs(tail))


@click.command()
@click.argument("run", type=RUN)
@click.pass_obj
def attach(to: Invocation, run: str) -> None:
    """Watch RUN live, from its last lines on; Ctrl-C leaves it and the run goes on."""
    to.screen.follow(to.client.get(run), "detach", _ATTACH_LINES)


@click.command()
@click.argument("run", nargs=-1, required=True, type=RUN)
@click.pass_obj
def wait(to: Invocation, run: tuple[str, ...]) -> None:
    """Wait until every RUN has finished; exits with 0 only if all succeeded."""
    from gpurun_jupyter.client.waiting import wait_for

    waited = [to.client.get(ref) for ref in run]
    try:
        wait_for(waited, tell=to.screen.say)
    except KeyboardInterrupt:
        to.screen.say("Left; the runs go on.")
        raise click.exceptions.Exit(LEFT) from None
    with whatever_is_shown(to.screen.say):
        for one in waited:
            to.screen.text(f"{words.state_line(one.record)}\n")
    if any(one.outcome is not Outcome.SUCCEEDED for one in waited):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("name", required=False)
@click.option("--interrupt", "action", flag_value="interrupt", help="Interrupt the run that it carries out.")
@click.option("--restart", "action", flag_value="restart", help="Give it a fresh kernel on the same devices.")
@click.option("--end", "action", flag_value="end", help="End it and free its devices.")
@as_json
@click.pass_obj
def sessions(to: Invocation, name: str | None, action: Any, as_json: bool) -> None:
    """List your sessions, the named warm kernels; or interrupt, restart or end the one called NAME."""
    if action and name is None:
        raise click.UsageError(f"Which session? Write: sessions NAME --{action}.")
    if action and name is not None:
        to.client.change_session(name, action)
    found = [one for one in to.client.sessions() if name in (None, one.name)]
    if as_json:
        to.screen.json(found)
    else:
        rows = [_session_row(one, _ASKED.get(action)) for one in found]
        none = f"Session {name} has ended." if action else "You have no sessions."
        to.screen.tables([Table("SESSIONS", ("name", "machine", "devices", "now"), rows, none)])


def _session_row(session: Session, asked: str | None) -> tuple[str, ...]:
    """`asked`: what its machine has been told to do just now, and has not done yet."""
    devices = " ".join(device.label for device in session.devices)
    now = f"busy with {session.busy}" if session.busy else f"idle since {words.ago(session.used_at)}"
    return session.name, session.agent, devices, asked or now


def _one_run(to: Invocation, record: RunRecord, as_json: bool) -> None:
    if as_json:
        to.screen.json(record)
        return
    facts = {
        "run": words.state_line(record),
        "id": record.id,
        "project": record.project,
        "owner": record.owner,
        "logged by": record.spec and record.spec.logged,
        "parent": record.parent,
        "created": words.ago(record.created_at),
        "progress": " · ".join(part for part in (words.percent(record), *words.bars(record)) if part),
        "tags": ", ".join(record.tags),
        "pruned": "" if record.pruned_at is None else f"{words.ago(record.pruned_at)}: its output and files are gone",
    }
    rows = [(key, value) for key, value in facts.items() if value]
    metrics = [_metric_row(name, summary) for name, summary in record.metrics.items()]
    meta = facts_in(record.meta)
    told = [(name, value if isinstance(value, str) else json.dumps(value)) for name, value in meta.items()]
    logged = [*logged_in(record.meta).items()]
    parts = (("RUN", rows), ("METRICS", metrics), ("LOGGED PARAMETERS", logged), ("META", told))
    to.screen.tables([Table(title, ("",) * len(part[0]), part, "") for title, part in parts if part])


def _metric_row(name: str, summary: MetricSummary) -> tuple[str, ...]:
    lowest, highest = ("" if value is None else f"{value:.4g}" for value in (summary.min, summary.max))
    return name, written(summary.last), f"lowest {lowest}" if lowest else "", f"highest {highest}" if highest else ""


def _of_interest(records: list[RunRecord]) -> list[RunRecord]:
    """Everything that waits or is at work here, and the last few of the others."""
    live = [record for record in records if _is_live(record)]
    others = [record for record in records if not _is_live(record)]
    return live + others[:_OTHERS_SHOWN]


def _is_live(record: RunRecord) -> bool:
    return record.state is not State.FINISHED and record.kind not in HEARD_OF


def _run_row(record: RunRecord) -> tuple[str, str]:
    done = words.percent(record) if record.state is not State.FINISHED else ""
    return f"{words.glyph(record)} {words.listed_name(record)}", " · ".join(
        part for part in (words.how(record), done) if part
    )


def _device_table(agents: list[Agent]) -> Table:
    rows = [row for agent in agents for row in _agent_rows(agent)]
    columns = ("machine", "device", "use", "memory", "held by")
    return Table("DEVICES", columns, rows, "no machine offers devices now")


def _agent_rows(agent: Agent) -> list[tuple[str, ...]]:
    """A row for each GPU and one for all CPU slots; the machine's name stands in the first."""
    rows = [words.device_row(device) for device in agent.devices if device.kind != "cpu"]
    slots = [device for device in agent.devices if device.kind == "cpu"]
    if slots:
        free = sum(device.holder is None for device in slots)
        holders = ", ".join(device.holder for device in slots if device.holder)
        rows.append(("cpu", "", "", f"{free} of {len(slots)} slots free{f' · {holders}' if holders else ''}"))
    first = f"{agent.id} ({words.health(agent)})" if words.health(agent) else agent.id
    return [(first if number == 0 else "", *row) for number, row in enumerate(rows or [("", "", "", "no devices")])]
