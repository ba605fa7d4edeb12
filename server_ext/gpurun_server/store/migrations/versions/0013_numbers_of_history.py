"""A number of the history is given once, also where the newest lines were deleted, and a log may be longer than 2 GiB.

PostgreSQL does the one by itself, SQLite the other.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

#: Of an entry whose newest lines were deleted: up to the newest that is left, or what comes would count as told.
_PUT_BACK = sa.text(
    "UPDATE notices SET told = (SELECT coalesce(max(seq), 0) FROM history) WHERE told > ("
    "SELECT coalesce(max(seq), 0) FROM history)"
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.get_bind().execute(_PUT_BACK)
        with op.batch_alter_table("history", recreate="always", table_kwargs={"sqlite_autoincrement": True}):
            pass
    else:
        op.alter_column("attempts", "ingested_offset", type_=sa.BigInteger(), existing_nullable=False)
