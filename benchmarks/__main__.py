"""All benchmarks and one table: `python benchmarks` or, for some of them, `python benchmarks claims output`.

Each runs in a process of its own, so that none is measured with what another left in memory.
"""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
NAMES = (
    "output",
    "reading",
    "claims",
    "rounds",
    "listing",
    "search",
    "comparing",
    "scraping",
    "tracking",
    "rings",
    "idle",
    "shipping",
    "starting",
    "view",
    "remote",
    "agents",
)
#: These print tables of their own.
PROGRAMS = tuple(name for name in ("cells", "directory_runs") if (HERE / f"{name}.py").exists())


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", default=[*PROGRAMS, *NAMES], help=", ".join([*PROGRAMS, *NAMES]))
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]
    if options.into is not None:
        options.into.write_bytes(pickle.dumps(import_module(options.names[0]).figures()))
        return 0
    from figures import table

    if unknown := set(options.names) - {*PROGRAMS, *NAMES}:
        parser.error(f"there is no benchmark {min(unknown)!r}")
    for name in options.names:
        if name in PROGRAMS:
            print(f"{name}:", flush=True)
            subprocess.run([sys.executable, str(HERE / f"{name}.py")], check=False)
    found = [one for name in options.names if name in NAMES for one in _figures_of(name)]
    if found:
        print(table(found))
    return 0


def _figures_of(name: str) -> list:
    """What a benchmark found; one that fails is named, and does not keep the others from running."""
    print(f"{name} ...", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "figures"
        done = subprocess.run([sys.executable, str(HERE), "--into", str(into), name], check=False)
        if done.returncode == 0:
            return pickle.loads(into.read_bytes())
    print(f"{name} failed with exit code {done.returncode}", file=sys.stderr)
    return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
