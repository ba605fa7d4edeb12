"""The tables. Columns named `*_json` hold what msgspec encodes; times are seconds since the epoch."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData()

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sa.Column("spec_json", sa.Text, nullable=False),
    sa.Column("tags_json", sa.Text, nullable=False),
    sa.Column("priority", sa.Integer, nullable=False),
    sa.Column("gpu", sa.Integer, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("agent_id", sa.Text),
    sa.Column("devices_json", sa.Text, nullable=False, server_default="[]"),
    sa.Column("session", sa.Text),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("queued_at", sa.Float),
    sa.Column("started_at", sa.Float),
    sa.Column("finished_at", sa.Float),
    sa.Column("progress_json", sa.Text),
    sa.Column("metrics_json", sa.Text, nullable=False, server_default="{}"),
    sa.Column("few_metrics_json", sa.Text),  # the first of many, for lists; `more_metrics` is how many those leave out
    sa.Column("more_metrics", sa.Integer, nullable=False, server_default="0"),
    sa.Column("meta_json", sa.Text),
    sa.Column("reserved_on", sa.Text),
    sa.Column("retries_left", sa.Integer, nullable=False, server_default="0"),
    sa.Column("stop_by", sa.Text),
    sa.Column("stop_kill", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("rerun_of", sa.Text),
    sa.Column("deleted_at", sa.Float),
    sa.Column("origin", sa.Text),
    sa.Column("parent", sa.Text),
)
sa.Index("runs_by_key", runs.c.owner, runs.c.idempotency_key, unique=True)  # null equals nothing: many have none
sa.Index("runs_by_owner", runs.c.owner, runs.c.seq)
sa.Index("runs_by_name", runs.c.name, runs.c.seq)
sa.Index("runs_by_origin", runs.c.owner, runs.c.origin, runs.c.seq)
sa.Index("runs_by_revision", runs.c.revision)
sa.Index("runs_by_state", runs.c.state, runs.c.seq)
sa.Index("runs_by_outcome", runs.c.outcome, runs.c.seq)
sa.Index("runs_by_project", runs.c.project, runs.c.seq)
began = sa.func.coalesce(runs.c.started_at, runs.c.created_at)
sa.Index("runs_by_start", began, runs.c.project, runs.c.seq)  # with the project: rows are not looked into
sa.Index(
    # partial: nearly all runs have finished, and the rest is read from the front
    "runs_queue",
    runs.c.priority.desc(),
    runs.c.seq,
    sqlite_where=runs.c.state == "queued",
    postgresql_where=runs.c.state == "queued",
)

_CHILDREN = runs.c.parent.is_not(None)
sa.Index("runs_by_parent", runs.c.parent, runs.c.seq, sqlite_where=_CHILDREN, postgresql_where=_CHILDREN)

_DELETED = runs.c.deleted_at.is_not(None)
sa.Index("runs_deleted", runs.c.deleted_at, sqlite_where=_DELETED, postgresql_where=_DELETED)

_FOR_A_SESSION = sa.and_(runs.c.state == "queued", runs.c.session.is_not(None))
sa.Index("runs_for_sessions", runs.c.session, sqlite_where=_FOR_A_SESSION, postgresql_where=_FOR_A_SESSION)

#: What lists are filtered and sorted by; written with `runs.metrics_json`, which holds the same. `run` is `runs.seq`.
#: A last value that is no finite number is null and compares with nothing; `word` says what it is.
run_metrics = sa.Table(
    "run_metrics",
    metadata,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("last", sa.Float),
    sa.Column("min", sa.Float),
    sa.Column("max", sa.Float),
    sa.Column("step", sa.Float),
    sa.Column("word", sa.Text),
    sqlite_with_rowid=False,  # the key is the table: no second look by the number of a row
)
_of_value = ("name", "last", "run", "min", "max")  # all that is asked for: the table itself is not looked into
sa.Index("run_metrics_by_value", *(run_metrics.c[name] for name in _of_value))

#: The same for parameters, as core/parameters.py finds them in the spec; `number` where the text is one.
#: Such as the run's own code `logged` are here only where it was told none of that name.
run_params = sa.Table(
    "run_params",
    metadata,
    sa.Column("run", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("number", sa.Float),
    sa.Column("logged", sa.Boolean, nullable=False, server_default=sa.false()),
    sqlite_with_rowid=False,
)
sa.Index("run_params_by_value", run_params.c.name, run_params.c.number, run_params.c.text, run_params.c.run)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("token", sa.Text, nullable=False),
    sa.Column("devices_json", sa.Text, nullable=False),
    sa.Column("granted_at", sa.Float, nullable=False),
    sa.Column("ended_at", sa.Float),
    sa.Column(
        "ingested_offset", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False, server_default="0"
    ),
)
sa.Index(
    "attempts_open",
    attempts.c.agent_id,
    sqlite_where=attempts.c.ended_at.is_(None),
    postgresql_where=attempts.c.ended_at.is_(None),
)

#: Which runs wait for which others to succeed first.
predecessors = sa.Table(
    "predecessors",
    metadata,
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), primary_key=True),
    # an index of its own: when a run ends it is asked who comes after it
    sa.Column("after_id", sa.Text, sa.ForeignKey("runs.id"), primary_key=True, index=True),
)

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("agent_id", sa.Text, nullable=False),
    sa.Column("kernel", sa.Text),
    sa.Column("devices_json", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("used_at", sa.Float, nullable=False),
    sa.Column("wish", sa.Text),
)

#: How many devices each owner had of late, as queue/ledger/recent_use.py reckons it, at the time `at`.
uses = sa.Table(
    "uses",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("cpu", sa.Boolean, primary_key=True),
    sa.Column("devices", sa.Float, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)

#: What clients of the tracking interface know of projects; each is known to them by its `id`.
experiments = sa.Table(
    "experiments",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("deleted_at", sa.Float),
    sa.Column("tags_json", sa.Text, nullable=False, server_default="{}"),
    sa.UniqueConstraint("owner", "id", name="experiments_by_id"),
)

#: What the names of data sets mean now.
data_sets = sa.Table(
    "data_sets",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("uploaded_at", sa.Float, nullable=False),
)

#: The registry. `latest` counts versions: the number of a deleted one is not given again. It is 0 before the first.
models = sa.Table(
    "models",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("latest", sa.Integer, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
    sa.Column("description", sa.Text, nullable=False, server_default=""),
    sa.Column("tags_json", sa.Text, nullable=False, server_default="{}"),
)

#: `origin` names the event of a run's log that a version was registered by: the log may be taken in twice.
model_versions = sa.Table(
    "model_versions",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("framework", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("metrics_json", sa.Text, nullable=False),
    sa.Column("tags_json", sa.Text, nullable=False),
    sa.Column("parameters_json", sa.Text, nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("run_name", sa.Text),
    sa.Column("spec_json", sa.Text),
    sa.Column("manifest", sa.Text, nullable=False),
    sa.Column("file_count", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("origin", sa.Text, unique=True),
    sa.ForeignKeyConstraint(["owner", "name"], ["models.owner", "models.name"]),
)

model_aliases = sa.Table(
    "model_aliases",
    metadata,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("alias", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.ForeignKeyConstraint(
        ["owner", "name", "number"], ["model_versions.owner", "model_versions.name", "model_versions.number"]
    ),
)

history = sa.Table(
    "history",
    metadata,
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.Text, sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("at", sa.Float, nullable=False),
    sa.Column("before", sa.Text),
    sa.Column("after", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("outcome", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("message", sa.Text, nullable=False, server_default=""),
    sqlite_autoincrement=True,  # who follows the history by its numbers must never meet one twice
)

#: Up to which line of the history each entry of `GpurunApp.notices` was told; `entry` is a digest of it.
notices = sa.Table(
    "notices",
    metadata,
    sa.Column("entry", sa.Text, primary_key=True),
    sa.Column("told", sa.Integer, nullable=False),
)

agents = sa.Table(
    "agents",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("boot", sa.Text, nullable=False),
    sa.Column("heard_at", sa.Float, nullable=False),
    sa.Column("labels_json", sa.Text, nullable=False),
    sa.Column("devices_json", sa.Text, nullable=False),
    sa.Column("unsent_json", sa.Text, nullable=False, server_default="[]"),
)

#: The agents of other machines, each known by the hash of its key.
agent_keys = sa.Table(
    "agent_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("host", sa.Text, nullable=False),
    sa.Column("key_hash", sa.Text, nullable=False, unique=True),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("revoked_at", sa.Float),
)

#: Each lets one machine join, once.
join_tokens = sa.Table(
    "join_tokens",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Column("used_at", sa.Float),
)

#: One row: the number of the latest change of a run, and of a model. Taking the next number orders the writers.
revisions = sa.Table(
    "revisions",
    metadata,
    sa.Column("latest", sa.Integer, nullable=False),
    sa.Column("models", sa.Integer, nullable=False, server_default="0"),
)
