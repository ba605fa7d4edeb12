"""Parameters that a run's own code logged stand beside those that it was told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("run_params", sa.Column("logged", sa.Boolean(), nullable=False, server_default=sa.false()))
