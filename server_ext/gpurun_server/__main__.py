"""Programs of the server side: `python -m gpurun_server server|agent|migrate|reindex`."""

from __future__ import annotations

import os
import sys

from gpurun_server.settings import DATABASE_VARIABLE

USAGE = """\
usage: python -m gpurun_server server [jupyter options] | agent HOME [--cpu-slots N] | migrate | reindex HOME
GPURUN_DB names the database of these: it may hold a password, and everybody on the machine sees command lines."""


def main(argv: list[str]) -> int:
    """Run the program named first in `argv`; returns the exit code."""
    program, *rest = argv or [""]
    # each is imported when it is wanted: an agent, and a migration, shall not load a Jupyter server
    if program == "server":
        from gpurun_server.headless import main as server

        return server(rest)
    if program == "agent":
        from gpurun_server.local_agent import main as agent

        return agent(rest)
    if program == "migrate" and not rest and os.environ.get(DATABASE_VARIABLE):
        from gpurun_server.store.migrate import migrate

        migrate(os.environ[DATABASE_VARIABLE])
        return 0
    if program == "reindex":
        from gpurun_server.reindex import main as reindex

        return reindex(rest)
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
