"""Programs of the server side: `python -m gpurun_server server|agent|migrate|reindex`."""

from __future__ import annotations

import sys

USAGE = (
    "usage: python -m gpurun_server server [jupyter options] | agent HOME [--cpu-slots N] | migrate URL | reindex HOME"
)


def main(argv: list[str]) -> int:
    """Run the program named first in `argv`; returns the exit code."""
    program, *rest = argv or [""]
    if program == "server":
        from gpurun_server.headless import main as server

        return server(rest)
    if program == "agent":
        from gpurun_server.local_agent import main as agent

        return agent(rest)
    if program == "migrate" and len(rest) == 1:
        from gpurun_server.store.migrate import migrate

        migrate(rest[0])
        return 0
    if program == "reindex":
        from gpurun_server.reindex import main as reindex

        return reindex(rest)
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
