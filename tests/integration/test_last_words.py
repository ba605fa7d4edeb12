"""What a process that dies has said is in the log, and what its children say, live and once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from runs_in_kernels import Kernel
from servers import JupyterServer, wait_until

#: Ways to die; each has said LASTWORDS before.
DEATHS = {
    "print, _exit": "import os\nprint('LASTWORDS', flush=True)\nos._exit(3)",
    "print, SIGKILL": "import os\nprint('LASTWORDS', flush=True)\nos.kill(os.getpid(), 9)",
    "print unflushed, SIGSEGV": "import ctypes\nfor n in range(50): print('line', n)\nprint('LASTWORDS')\n"
    "ctypes.string_at(0)",
    "raw stderr, abort": "import ctypes, os\nos.write(2, b'CUDA error: LASTWORDS\\n')\nctypes.CDLL(None).abort()",
    "perror, abort": "import ctypes\nc = ctypes.CDLL(None)\nc.perror(b'LASTWORDS')\nc.abort()",
    "printf, SIGSEGV": "import ctypes\nc = ctypes.CDLL(None)\nc.printf(b'LASTWORDS\\n')\nc.fflush(None)\n"
    "ctypes.string_at(0)",
    "faulthandler, SIGSEGV": "import faulthandler, ctypes\nfaulthandler.enable()\n"
    "def LASTWORDS(): ctypes.string_at(0)\nLASTWORDS()",
    "a child, SIGABRT": "import os, subprocess\nsubprocess.run(['echo', 'LASTWORDS'])\nos.abort()",
}
#: What a kernel that was started from its kernelspec prints is sent by threads of ipykernel and ZMQ, which die with it.
LOST_WHEN_STARTED = {"print, _exit", "print, SIGKILL", "print unflushed, SIGSEGV"}


def outlived(server: JupyterServer, kind: str, code: str) -> bool:
    """Whether a run that dies has its last words in its log."""
    if kind == "script":
        run_id = server.http.post("runs/zip", files={"file": ("main.py", code.encode())}).json()["id"]
    else:
        run_id = Kernel(server, kind).submit(code)
    run = server.wait(run_id)
    assert run["outcome"] == "failed"
    assert run["reason"] == ("kernel_died" if kind != "script" else "exit_code" if "_exit" in code else "signal")
    log = server.log(run_id)
    return "LASTWORDS" in log and ("range(50)" not in code or log.count("line") == 50)


@pytest.mark.parametrize("death", DEATHS)
def test_they_are_in_the_log(server: JupyterServer, death: str) -> None:
    assert outlived(server, "forked", DEATHS[death])
    assert outlived(server, "script", DEATHS[death])
    assert death in LOST_WHEN_STARTED or outlived(server, "started", DEATHS[death])


@pytest.mark.long
@pytest.mark.parametrize("kind", ["forked", "script"])
def test_they_are_in_the_log_every_time(server: JupyterServer, kind: str) -> None:
    """Eight ways, twenty times each: the table is printed (`-s`)."""
    with ThreadPoolExecutor(2) as pool:

        def survived(code: str) -> int:
            return sum(pool.map(lambda _: outlived(server, kind, code), range(20)))

        found = {death: survived(code) for death, code in DEATHS.items()}
    print("", *(f"{kind}: {death}: {count} of 20" for death, count in found.items()), sep="\n")
    assert set(found.values()) == {20}


def test_a_traceback_on_demand_leaves_the_kernel_alive(kernel: Kernel) -> None:
    ended = kernel.run("import faulthandler\ndef asked():\n    faulthandler.dump_traceback()\nasked()\nprint('dumped')")
    assert ended.outcome == "succeeded"
    assert "in asked" in ended.log
    assert ended.log.endswith("dumped\n") or kernel.kind == "started"  # there only what is printed raw keeps its order
    assert "dumped\n" in ended.log


CHILD = """
import os, time
for number in range(3):
    print("child", number)
    while not os.path.exists(f"go{number}"): time.sleep(0.01)
"""


def test_what_a_child_prints_is_there_live(kernel: Kernel) -> None:
    run_id = kernel.submit(f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {CHILD!r}]);")
    work = kernel.server.home / "runs" / run_id / "attempts" / "1" / "work"
    for number in range(3):
        wait_until(lambda n=number: f"child {n}\n" in kernel.server.log(run_id))  # type: ignore[misc]
        (work / f"go{number}").touch()
    assert kernel.server.wait(run_id)["outcome"] == "succeeded"
    assert kernel.server.log(run_id) == "child 0\nchild 1\nchild 2\n"


WORKERS = {
    "joblib": "from joblib import Parallel, delayed\ndef work(n): print(f'worker {n}\\n', end='')\n"
    "Parallel(n_jobs=2)(delayed(work)(n) for n in range(6))",
    "spawned": "open('mod.py', 'w').write(\"def go(n): print(f'worker {n}\\\\n', end='')\")\n"
    "import multiprocessing, mod\nwith multiprocessing.get_context('spawn').Pool(2) as pool:\n"
    "    pool.map(mod.go, range(6), chunksize=1)",
    "forked": "import multiprocessing\ndef work(n): print(f'worker {n}\\n', end='')\n"
    "with multiprocessing.get_context('fork').Pool(2) as pool: pool.map(work, range(6), chunksize=1)",
}


@pytest.mark.parametrize("workers", WORKERS)
def test_what_workers_print_is_there_once(kernel: Kernel, workers: str) -> None:
    ended = kernel.run(f"{WORKERS[workers]}\nprint('over')")
    assert ended.outcome == "succeeded", ended
    assert sorted(line for line in ended.log.splitlines() if line) == ["over", *(f"worker {n}" for n in range(6))]


def test_bars_that_are_widgets_are_text_in_forked_workers(kernel: Kernel) -> None:
    code = """
import multiprocessing
from tqdm.notebook import tqdm
def work(number):
    for _ in tqdm(range(8), desc=f"nb {number}"): pass
    return number
with multiprocessing.get_context("fork").Pool(1) as pool: print(pool.map(work, range(2)))
"""
    ended = kernel.run(code)
    assert ended.outcome == "succeeded"
    assert "nb 0: 100%" in ended.log
    assert "[0, 1]" in ended.log


SPAWNS = {
    "map": "with context.Pool(1) as pool: pool.map(f, [1, 2])",
    "initializer": "with context.Pool(1, initializer=f, initargs=(1,)) as pool: pool.map(abs, [1, 2])",
    "process": "p = context.Process(target=f, args=(1,)); p.start(); p.join()",
    "executor": "from concurrent.futures import ProcessPoolExecutor\n"
    "with ProcessPoolExecutor(1, mp_context=context) as pool: print(list(pool.map(f, [1, 2])))",
}


@pytest.mark.parametrize("how", SPAWNS)
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_a_function_that_a_spawned_process_cannot_import_is_explained(kernel: Kernel, method: str, how: str) -> None:
    context = f"import multiprocessing\ndef f(x): return x + 1\ncontext = multiprocessing.get_context('{method}')"
    ended = kernel.run(f"{context}\n{SPAWNS[how]}", timeout=30)
    assert ended.reason == "exception", ended
    assert ended.message.startswith("PicklingError: f is defined in a cell")
    assert "%%writefile" in ended.message
    assert ended.log.count("Can't get attribute") == 0
