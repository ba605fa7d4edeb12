"""What has been told to whom, so that one of several servers tells it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("entry", sa.Text, primary_key=True),
        sa.Column("told", sa.Integer, nullable=False),
    )
