"""Everybody sees their own runs: find them quickly."""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0006"


def upgrade() -> None:
    op.create_index("runs_by_owner", "runs", ["owner", "seq"])
