"""Runs by when they began, which is what MLflow's pages sort by where nobody says otherwise."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_index("runs_by_start", "runs", [sa.text("coalesce(started_at, created_at)"), "project", "seq"])
