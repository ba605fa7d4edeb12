"""Where runs come from, so that the run before one is found."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("runs", sa.Column("origin", sa.Text()))
    op.create_index("runs_by_origin", "runs", ["owner", "origin", "seq"])
