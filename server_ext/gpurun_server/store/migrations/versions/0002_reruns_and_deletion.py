"""Which run a run is a rerun of; when a run was deleted."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("runs", sa.Column("rerun_of", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("deleted_at", sa.Float(), nullable=True))
    op.create_index(
        "runs_deleted",
        "runs",
        ["deleted_at"],
        sqlite_where=sa.text("deleted_at IS NOT NULL"),
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
