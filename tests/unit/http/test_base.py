from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from databases import empty_database

from gpurun_jupyter.core.errors import StorageFull
from gpurun_jupyter.core.home import Home
from gpurun_server.http import base
from gpurun_server.store.models import changes as model_changes
from gpurun_server.store.models.changes import Registration


def test_a_database_without_room_is_a_full_disk_and_nothing_is_changed(tmp_path: Path) -> None:
    database = empty_database(Home(tmp_path / "home"))
    new = Registration(name="big", manifest="a" * 64, file_count=1, size_bytes=1, description="x" * 10**6)

    def register() -> None:
        with database.write() as writing:
            pages = writing.conn.exec_driver_sql("PRAGMA page_count").scalar()
            writing.conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")
            model_changes.register(writing, "anna", new)

    with pytest.raises(sa.exc.OperationalError) as caught:
        register()
    told = base.told_as(caught.value)
    assert isinstance(told, StorageFull)
    assert told.hint
    with database.read() as conn:
        assert conn.exec_driver_sql("SELECT count(*) FROM models").scalar() == 0
    database.close()
