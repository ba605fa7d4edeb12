"""What lists of runs are filtered and sorted by: metrics and parameters as rows, outcomes and projects by index."""

import msgspec
import sqlalchemy as sa
from alembic import op

from gpurun_server.store.summaries import keep_parameters

revision = "0005"
down_revision = "0004"

_KEEP_METRIC = sa.text(
    "INSERT INTO run_metrics (run, name, last, min, max, step) VALUES (:run, :name, :last, :min, :max, :step)"
)
_LONGEST_NAME = 200


class _Summary(msgspec.Struct):
    last: float
    min: float
    max: float
    step: float | None = None


_summaries = msgspec.json.Decoder(dict[str, _Summary])


def upgrade() -> None:
    op.create_table(
        "run_metrics",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("last", sa.Float(), nullable=False),
        sa.Column("min", sa.Float(), nullable=False),
        sa.Column("max", sa.Float(), nullable=False),
        sa.Column("step", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("run", "name"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "run_params",
        sa.Column("run", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("number", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("run", "name"),
        sqlite_with_rowid=False,
    )
    _fill(op.get_bind())
    op.create_index("run_metrics_by_value", "run_metrics", ["name", "last", "run", "min", "max"])
    op.create_index("run_params_by_value", "run_params", ["name", "number", "text", "run"])
    op.create_index("runs_by_outcome", "runs", ["outcome", "seq"])
    op.create_index("runs_by_project", "runs", ["project", "seq"])


def _fill(conn: sa.Connection) -> None:
    """Rows for the runs that there are; one whose spec this gpurun cannot read has none."""
    seq = -1
    batch = sa.text("SELECT seq, spec_json, metrics_json FROM runs WHERE seq > :seq ORDER BY seq LIMIT 500")
    while rows := conn.execute(batch, {"seq": seq}).all():
        for seq, spec_json, metrics_json in rows:
            try:
                keep_parameters(conn, seq, spec_json)
                found = _summaries.decode(metrics_json)
            except msgspec.MsgspecError:
                continue
            for name, one in found.items():
                if len(name) <= _LONGEST_NAME and "\0" not in name:
                    conn.execute(_KEEP_METRIC, {"run": seq, "name": name, **msgspec.structs.asdict(one)})
