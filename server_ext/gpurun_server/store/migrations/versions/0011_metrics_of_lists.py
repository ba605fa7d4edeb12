"""Lists carry the first of many metrics, a metric's last value may be no finite number, and runs tell facts."""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

_FEW = 12
_BATCH = sa.text("SELECT seq, metrics_json FROM runs WHERE seq > :seq ORDER BY seq LIMIT 500")
_KEEP = sa.text("UPDATE runs SET few_metrics_json = :few, more_metrics = :more WHERE seq = :seq")


def upgrade() -> None:
    op.add_column("runs", sa.Column("few_metrics_json", sa.Text()))
    op.add_column("runs", sa.Column("more_metrics", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("runs", sa.Column("meta_json", sa.Text()))
    with op.batch_alter_table("run_metrics", table_kwargs={"sqlite_with_rowid": False}) as table:
        for name in ("last", "min", "max"):
            table.alter_column(name, existing_type=sa.Float(), nullable=True)
        table.add_column(sa.Column("word", sa.Text()))
    _fill(op.get_bind())


def _fill(conn: sa.Connection) -> None:
    seq = -1
    while rows := conn.execute(_BATCH, {"seq": seq}).all():
        for seq, metrics_json in rows:
            metrics = msgspec.json.decode(metrics_json, type=dict[str, msgspec.Raw])
            if len(metrics) > _FEW:
                few = msgspec.json.encode(dict([*metrics.items()][:_FEW])).decode()
                conn.execute(_KEEP, {"seq": seq, "few": few, "more": len(metrics) - _FEW})
