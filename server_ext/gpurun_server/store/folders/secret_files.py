"""The values of secrets: a file for each run that has any, until the run has ended. Nothing else holds them."""

from __future__ import annotations

import time

import msgspec
import sqlalchemy as sa

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.home import Home, write_json
from gpurun_jupyter.core.lifecycle import State
from gpurun_server.store.statements import KEY, one_run

#: A file of a run that there is not may be that of one that is being accepted, seconds.
_BEING_ACCEPTED_S = 600.0


def keep(home: Home, run_id: str, values: dict[str, str]) -> None:
    """Write them down for a run that is being accepted."""
    home.secrets.mkdir(mode=0o700, exist_ok=True)
    write_json(home.secrets_of(run_id), values)


def read(home: Home, run_id: str) -> dict[str, str]:
    """Those of a run that has not ended. Raises InvalidRequest where they are gone."""
    try:
        return msgspec.json.decode(home.secrets_of(run_id).read_bytes(), type=dict[str, str])
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise InvalidRequest(
            "The values of the run's secrets are gone.", "Run it again, and give them anew."
        ) from error


def forget(home: Home, run_id: str) -> None:
    """Take them away: the run has ended."""
    home.secrets_of(run_id).unlink(missing_ok=True)


def tidy(conn: sa.Connection, home: Home) -> None:
    """Forget those of runs that have ended, should a process have been killed between the two."""
    for path in home.secrets.glob("*.json"):
        row = conn.execute(one_run, {KEY: path.stem}).first()
        if row is None and time.time() - path.stat().st_mtime < _BEING_ACCEPTED_S:
            continue
        if row is None or row.state == State.FINISHED.value:
            path.unlink(missing_ok=True)
