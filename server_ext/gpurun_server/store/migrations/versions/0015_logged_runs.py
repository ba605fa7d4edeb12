"""Runs that gpurun only hears of: whose children they are, and what clients of the tracking interface call projects."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"

_CHILDREN = sa.text("parent IS NOT NULL")


def upgrade() -> None:
    op.add_column("runs", sa.Column("parent", sa.Text()))
    op.create_index("runs_by_parent", "runs", ["parent", "seq"], sqlite_where=_CHILDREN, postgresql_where=_CHILDREN)
    op.create_table(
        "experiments",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("deleted_at", sa.Float),
        sa.Column("tags_json", sa.Text, nullable=False, server_default="{}"),
        sa.UniqueConstraint("owner", "id", name="experiments_by_id"),
    )
