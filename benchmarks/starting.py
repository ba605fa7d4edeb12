"""What a person waits for before anything runs: `%load_ext`, the first `%%gpurun` against later ones, `gpurun status`.

The magics are timed inside kernels that a real server started, one fresh kernel for each round.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from figures import Figure, median, shown, spread, times_ms
from notebooks import ServerKernel
from servers import BIN, TOKEN, JupyterServer

KERNELS = 5
LATER = 5
_TIMED = """
import json, time
_shell, _taken = get_ipython(), []
_began = time.perf_counter()
_shell.run_line_magic("load_ext", "gpurun_jupyter")
_taken.append(time.perf_counter() - _began)
for _ in range(1 + {later}):
    _began = time.perf_counter()
    _shell.run_cell_magic("gpurun", "", "1")
    _taken.append(time.perf_counter() - _began)
print("TAKEN", json.dumps(_taken))
"""


def figures() -> list[Figure]:
    """How long a notebook and a terminal take to be ready."""
    with tempfile.TemporaryDirectory() as folder:
        server = JupyterServer(Path(folder)).start()
        try:
            server.wait(server.submit("1", gpu=0))
            return [*_of_magics(server), *_of_commands(server)]
        finally:
            server.close()


def _of_magics(server: JupyterServer) -> list[Figure]:
    rounds = [_in_a_fresh_kernel(server) for _ in range(KERNELS)]
    loads = [1000 * taken[0] for taken in rounds]
    later = [1000 * median(taken[2:]) for taken in rounds]
    more = [1000 * taken[1] - after for taken, after in zip(rounds, later, strict=True)]
    beside = f"{spread(more, 'ms')}; a later one {shown(median(later), 'ms')}"
    return [
        Figure("%load_ext gpurun_jupyter", median(loads), "ms", 150, 100, spread(loads, "ms")),
        Figure("the first %%gpurun of a kernel, more than a later one", median(more), "ms", 500, 300, beside),
    ]


def _in_a_fresh_kernel(server: JupyterServer) -> list[float]:
    kernel = ServerKernel(server)
    try:
        output = kernel.execute(_TIMED.format(later=LATER))
    finally:
        kernel.close()
    line = next(line for line in output.text.splitlines() if line.startswith("TAKEN "))
    return [float(one) for one in line.removeprefix("TAKEN ").strip("[]").split(",")]


def _of_commands(server: JupyterServer) -> list[Figure]:
    env = server.env | {"GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}

    def typed(*command: str) -> list[float]:
        return times_ms(lambda: subprocess.run(command, env=env, capture_output=True, check=True), 10)

    status, bare = typed(str(BIN / "gpurun"), "status"), typed(str(BIN / "python"), "-c", "import httpx, click")
    beside = f"{spread(status, 'ms')}; Python with httpx and click alone {shown(median(bare), 'ms')}"
    return [Figure("gpurun status", median(status), "ms", 500, 350, beside)]
