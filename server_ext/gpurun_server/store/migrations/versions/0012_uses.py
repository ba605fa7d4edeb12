"""How many devices each owner had of late, for fair share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "uses",
        sa.Column("owner", sa.Text, primary_key=True),
        sa.Column("cpu", sa.Boolean, primary_key=True),
        sa.Column("devices", sa.Float, nullable=False),
        sa.Column("at", sa.Float, nullable=False),
    )
