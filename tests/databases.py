"""State directories with an empty database. It is made once: the process that migrates one takes a second."""

from __future__ import annotations

import tempfile
from functools import cache

from gpurun_jupyter.core.home import Home
from gpurun_server.store.database import Database


@cache
def _bytes() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        home = Home(folder)
        database = Database(home)
        database.prepare()
        database.close()
        return home.database.read_bytes()


def empty_database(home: Home) -> Database:
    """The database of a new state directory, of the newest schema."""
    home.create()
    home.database.write_bytes(_bytes())
    return Database(home)
