"""Questions asked of runs, and rows turned into what the API shows."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.devices import Device, Sync
from gpurun_jupyter.core.errors import AmbiguousRun, RunNotFound
from gpurun_jupyter.core.lifecycle import ACTIVE, Outcome, Reason, State
from gpurun_jupyter.core.limits import LARGEST
from gpurun_jupyter.core.names import mended
from gpurun_jupyter.core.runs import HEARD_OF, MetricSummary, Run, RunProgress, RunSpec, Waiting
from gpurun_jupyter.core.secrets import as_shown
from gpurun_server.store.statements import KEY, one_run
from gpurun_server.store.tables import history, runs

#: Columns of a run as lists show it: all but the spec, which may be large, and of many metrics the first.
_FOR_ONE = ("spec_json", "metrics_json", "few_metrics_json", "meta_json")
LISTED = [
    *(column for column in runs.c if column.name not in _FOR_ONE),
    sa.func.coalesce(runs.c.few_metrics_json, runs.c.metrics_json).label("metrics_json"),
    # nothing in their place: to find out which columns a row has takes longer than all the rest
    sa.null().label("spec_json"),
    sa.null().label("meta_json"),
]

#: So many of the queue are shown with their places kept up to date.
_QUEUE_SHOWN = 100

_progress = msgspec.json.Decoder(RunProgress)
_metrics = msgspec.json.Decoder(dict[str, MetricSummary])
_texts = msgspec.json.Decoder(list[str])
_spec = msgspec.json.Decoder(RunSpec)
_meta = msgspec.json.Decoder(dict[str, Any])
_devices = msgspec.json.Decoder(list[Device])


class Filters(msgspec.Struct, omit_defaults=True):
    """Conditions on a list of runs. `q` is looked for in names, ids, tags and messages; `where` is a condition.

    `after` and `before` limit the time of creation: dates, or seconds since the epoch. `sort` is a column, metric or
    parameter, with `-` before it from the highest down. `cursor` is the `next` of the page before. `parent` is the id
    of the run whose code logs them.
    """

    project: str | None = None
    state: State | None = None
    outcome: Outcome | None = None
    owner: str | None = None
    parent: str | None = None
    q: str | None = None
    where: str | None = None
    after: str | None = None
    before: str | None = None
    sort: str | None = None
    cursor: Annotated[int, msgspec.Meta(ge=0, le=LARGEST)] | None = None


#: Runs that were not deleted.
KEPT = runs.c.deleted_at.is_(None)


#: As which a run is counted where runs are counted by state.
_ELSEWHERE = sa.and_(runs.c.kind.in_(HEARD_OF), runs.c.state != State.FINISHED.value)
COUNTED_AS = sa.case((_ELSEWHERE, sa.literal_column("'elsewhere'")), else_=runs.c.state).label("counted_as")


def kept_of(owner: str) -> sa.ColumnElement[bool]:
    """What a person sees: everybody their own runs."""
    return sa.and_(KEPT, runs.c.owner == owner)


def owned_by(owner: str) -> sa.ColumnElement[bool]:
    """The same of any run, beside what finds few runs: SQLite would else go through all that the owner ever had."""
    return runs.c.owner.concat("") == owner


def is_everybody(conn: sa.Connection, owner: str) -> bool:
    """Whether all runs are this owner's, as nearly always: then a list need not look whose each is."""
    # apart: each by itself is one look into the index, both at once a look at every row
    first, last = (conn.scalar(sa.select(end(runs.c.owner))) for end in (sa.func.min, sa.func.max))
    return first in (None, owner) and last in (None, owner)


def _newest(owner: str) -> sa.Select[Any]:
    return sa.select(runs).where(kept_of(owner)).order_by(runs.c.seq.desc()).limit(1)


def _named(name: str, owner: str) -> sa.Select[Any]:
    among = sa.select(runs).where(KEPT, owned_by(owner), runs.c.name == name)
    return among.order_by(runs.c.seq.desc()).limit(1)


def find(conn: sa.Connection, reference: str, owner: str) -> sa.Row[Any]:
    """The run of an owner that is meant by an id, a unique prefix of one, a name (the newest), or `last`.

    Raises RunNotFound and AmbiguousRun.
    """
    if "\0" in reference:
        row = None  # PostgreSQL takes no such text
    elif reference == "last":
        row = conn.execute(_newest(owner)).first()
    else:
        row = conn.execute(one_run, {KEY: reference}).first()
        row = row if row and row.owner == owner else None  # nobody learns that there is such a run
        row = row or conn.execute(_named(reference, owner)).first()
        row = row or _by_prefix(conn, reference, owner)
    if row is None or row.deleted_at is not None:
        raise RunNotFound(f"There is no run {reference!r}.", "`%gpurun runs` lists those there are.")
    return row


def find_all(conn: sa.Connection, references: Iterable[str], owner: str) -> dict[str, sa.Row[Any]]:
    """The same for many references, by each: ids and names are looked up all at once."""
    wanted = dict.fromkeys(references)
    mine = sa.select(*LISTED).where(KEPT, owned_by(owner))
    found = {row.id: row for row in conn.execute(mine.where(runs.c.id.in_(wanted)))}
    newest = sa.select(sa.func.max(runs.c.seq)).where(KEPT, owned_by(owner), runs.c.name.in_(wanted))
    for row in conn.execute(mine.where(runs.c.seq.in_(newest.group_by(runs.c.name)))):
        found.setdefault(row.name, row)  # an id goes before a name
    found.pop("last", None)  # a word, not the run that is called so
    return {reference: found.get(reference) or find(conn, reference, owner) for reference in wanted}


def by_id(conn: sa.Connection, run_id: str) -> sa.Row[Any] | None:
    """The run with this id, also one that was deleted and may be restored."""
    return conn.execute(one_run, {KEY: run_id}).first()


def _by_prefix(conn: sa.Connection, prefix: str, owner: str) -> sa.Row[Any] | None:
    among = runs.c.id.between(prefix, f"{prefix}zzzzzzzz")  # by the index of ids, which LIKE does not use
    fits = sa.and_(KEPT, owned_by(owner), among, runs.c.id.startswith(prefix, autoescape=True))
    found = conn.execute(sa.select(runs).where(fits).limit(6)).all()
    if len(found) > 1:
        names = ", ".join(f"{row.id} ({row.name})" for row in found[:5])
        raise AmbiguousRun(f"{prefix!r} fits several runs: {names}.", "Write more of the id.")
    return found[0] if found else None


def unfinished(conn: sa.Connection, owner: str) -> list[sa.Row[Any]]:
    """Runs of an owner that are at work, and those at the front of the queue."""
    states = [state.value for state in sorted(ACTIVE)]
    mine = sa.select(*LISTED).where(KEPT, owned_by(owner), runs.c.kind.not_in(HEARD_OF))
    at_work = mine.where(runs.c.state.in_(states))
    return [*conn.execute(at_work.order_by(runs.c.seq.desc())), *conn.execute(_queue_front(owner))]


def _queue_front(owner: str) -> sa.Select[Any]:
    mine = sa.select(*LISTED).where(KEPT, owned_by(owner), runs.c.state == State.QUEUED.value)
    return mine.order_by(runs.c.priority.desc(), runs.c.seq).limit(_QUEUE_SHOWN)


def changed_since(
    conn: sa.Connection, owner: str, revision: int, *, with_queue: bool, limit: int = 1000
) -> list[sa.Row[Any]]:
    """Runs of an owner that changed after `revision`, in the changes' order; with some of the queue that did not."""
    # those that were deleted, too: who shows them is to hear of it
    mine = sa.select(*LISTED).where(owned_by(owner))
    changed = mine.where(runs.c.revision > revision).order_by(runs.c.revision).limit(limit)
    rows = list(conn.execute(changed))
    if with_queue:
        rows += conn.execute(_queue_front(owner).where(runs.c.revision <= revision))  # the others are there
    return rows


def with_ids(conn: sa.Connection, owner: str, run_ids: Collection[str]) -> list[sa.Row[Any]]:
    """These runs of an owner."""
    return list(conn.execute(sa.select(*LISTED).where(KEPT, owned_by(owner), runs.c.id.in_(run_ids))))


def count_by_state(conn: sa.Connection, owner: str) -> dict[str, int]:
    """How many runs an owner has in each state; those at work that gpurun only hears of are so `elsewhere`."""
    rows = conn.execute(sa.select(COUNTED_AS, sa.func.count()).where(kept_of(owner)).group_by(COUNTED_AS))
    return {row[0]: row[1] for row in rows}


def history_of(conn: sa.Connection, run_id: str) -> list[dict[str, Any]]:
    """Every change of a run's state, oldest first."""
    query = sa.select(history).where(history.c.run_id == run_id).order_by(history.c.seq)
    return [{key: value for key, value in row.items() if key != "seq"} for row in conn.execute(query).mappings()]


def decode_devices(text: str) -> list[Device]:
    """The devices in a `devices_json` column of agents or attempts."""
    return _devices.decode(text)


def decode_labels(text: str) -> list[str]:
    """The labels in a `labels_json` column."""
    return _texts.decode(text)


def decode_meta(meta_json: str | None) -> dict[str, Any]:
    """The facts about a run, as its row has them."""
    return _meta.decode(meta_json) if meta_json else {}


def decode_spec(text: str | bytes) -> RunSpec:
    """The spec in a `spec_json` column."""
    try:
        return _spec.decode(text)
    except msgspec.ValidationError:
        return _of_old(text)


def _of_old(text: str | bytes) -> RunSpec:
    """A spec of when a name might still end in a newline, or be `.`."""
    fields = msgspec.json.decode(text, type=dict[str, Any])
    for name in ("name", "project", "device", "on", "kernel", "session"):
        if isinstance(said := fields.get(name), str):
            fields[name] = mended(said)
    for name in {"tags", "after"} & fields.keys():
        fields[name] = [mended(one) for one in fields[name]]
    return msgspec.convert(fields, RunSpec)


def metrics_in(row: sa.Row[Any]) -> dict[str, MetricSummary]:
    """What a row of `runs` knows of the run's metrics."""
    return _metrics.decode(row.metrics_json)


def encode(value: Any) -> str:
    """The text of a `*_json` column."""
    return msgspec.json.encode(value).decode()


def to_run(
    row: sa.Row[Any], waiting: Waiting | None = None, sync: Sync | None = None, behind_s: float | None = None
) -> Run:
    """The run that a row of `runs` stands for, with its spec where the row has it."""
    return Run(
        id=row.id,
        name=row.name,
        project=row.project,
        owner=row.owner,
        kind=row.kind,
        state=State(row.state),
        outcome=Outcome(row.outcome) if row.outcome else None,
        reason=Reason(row.reason) if row.reason else None,
        message=row.message,
        tags=_texts.decode(row.tags_json),
        priority=row.priority,
        gpu=row.gpu,
        attempt=row.attempt,
        agent=row.agent_id,
        devices=_texts.decode(row.devices_json),
        created_at=row.created_at,
        queued_at=row.queued_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        progress=_progress.decode(row.progress_json) if row.progress_json else None,
        metrics=metrics_in(row),
        more_metrics=0 if row.spec_json else row.more_metrics,
        waiting=waiting,
        behind_s=behind_s,
        sync=sync,
        revision=row.revision,
        rerun_of=row.rerun_of,
        parent=row.parent,
        deleted=row.deleted_at is not None,
        spec=as_shown(decode_spec(row.spec_json)) if row.spec_json else None,
        meta=decode_meta(row.meta_json),
    )
