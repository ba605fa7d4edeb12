"""A model may be described, and tagged, beside its versions; and be there before the first of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.add_column("models", sa.Column("description", sa.Text(), nullable=False, server_default=""))
    op.add_column("models", sa.Column("tags_json", sa.Text(), nullable=False, server_default="{}"))
