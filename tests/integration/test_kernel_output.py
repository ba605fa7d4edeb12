"""What a cell prints in a forked kernel, whose standard output is our own: as it would be with ipykernel's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from servers import JupyterServer, wait_until


def said(server: JupyterServer, code: str, **fields: Any) -> str:
    run = server.wait(server.submit(f"{OURS}\n{code}", **fields))
    assert run["outcome"] == "succeeded", server.log(run["id"])
    return server.log(run["id"])


def work(server: JupyterServer, run_id: str) -> Path:
    return server.home / "runs" / run_id / "attempts" / "1" / "work"


OURS = """
import sys
assert [type(stream).__name__ for stream in (sys.stdout, sys.stderr)] == ["TextIOWrapper"] * 2
"""

THREADS = """
import threading
def count(name):
    for number in range(20000):
        print(f"{name} {number} " + "x" * 80 + "\\n", end="")
threads = [threading.Thread(target=count, args=(name,)) for name in "abc"]
for thread in threads: thread.start()
count("m")
for thread in threads: thread.join()
"""


def test_every_line_of_every_thread_is_there_once_and_in_order(server: JupyterServer) -> None:
    lines = said(server, THREADS).splitlines()
    assert len(lines) == 80000
    for name in "abcm":
        own = [line for line in lines if line.startswith(name)]
        assert own == [f"{name} {number} {'x' * 80}" for number in range(20000)]


TICKS = """
import signal
ticks = []
def tick(*_):
    ticks.append(1)
    print("tick\\n", end="")  # in one piece: another signal may come within this one's handler
signal.signal(signal.SIGALRM, tick)
signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
for number in range(100000):
    print(f"{number} " + "x" * 80)
signal.setitimer(signal.ITIMER_REAL, 0)
print(len(ticks))
"""


def test_a_signals_handler_may_print_in_between(server: JupyterServer) -> None:
    log = said(server, TICKS)
    *lines, ticks = log.replace("tick\n", "").splitlines()
    assert lines == [f"{number} {'x' * 80}" for number in range(100000)]
    assert 0 < int(ticks) == log.count("tick\n")


def test_a_line_is_seen_while_the_cell_goes_on(server: JupyterServer) -> None:
    waiting = "print('first')\nimport os, time\nwhile not os.path.exists('go'): time.sleep(0.01)\nprint('second')"
    run_id = server.submit(waiting)
    wait_until(lambda: server.log(run_id) == "first\n")
    (work(server, run_id) / "go").touch()
    assert server.wait(run_id)["outcome"] == "succeeded"
    assert server.log(run_id) == "first\nsecond\n"


FILE = """
assert sys.stdout.write("four") == 4
assert sys.stdout.write("") == 0
try:
    sys.stdout.write(4)
except TypeError:
    print("!", flush=True)
sys.stdout.writelines(["a", "b\\n"])
class Text(str): pass
sys.stdout.write(Text("of a subclass\\n"))
print(sys.stdout.isatty(), sys.stdout.writable(), sys.stdout.encoding, sys.stdout.closed, sys.stdout.fileno() > 2)
"""


def test_it_is_a_file(server: JupyterServer) -> None:
    assert said(server, FILE) == "four!\nab\nof a subclass\nFalse True UTF-8 False True\n"


REDIRECTED = """
import contextlib, io, logging
held = io.StringIO()
with contextlib.redirect_stdout(held):
    print("held")
with contextlib.redirect_stderr(sys.stdout):
    print("moved", file=sys.stderr)
written, sys.stdout.write = sys.stdout.write, lambda text: written(text.upper())
print("patched", held.getvalue())
sys.stdout.write = written
print("lone \\ud800 surrogate")
print("after")
"""


def test_it_can_be_redirected_and_patched(server: JupyterServer) -> None:
    log = said(server, REDIRECTED)
    assert log == "moved\nPATCHED HELD\n\nlone ? surrogate\nafter\n"


ORDER = """
import sys
from IPython.display import display
print("one"); display("two"); print("three", end=""); sys.stdout.flush()
print("four", file=sys.stderr, flush=True)
print("five")
1 / 0
"""


def test_output_displays_and_the_traceback_keep_their_order(server: JupyterServer) -> None:
    run_id = server.wait(server.submit(ORDER))["id"]
    events = [event for event in server.events(run_id) if event["kind"] in ("output", "display", "error")]
    shown = [event.get("text") or event.get("name") or event["data"]["text/plain"] for event in events]
    assert shown == ["one\n", "'two'", "three", "four\n", "five\n", "ZeroDivisionError"]
    assert [event["stream"] for event in events if event["kind"] == "output"] == [
        *("stdout", "stdout", "stderr", "stdout"),
    ]


CHILDREN = """
import functools, os, multiprocessing
print("before")
if (pid := os.fork()) == 0:
    print("in a fork")
    os._exit(0)
os.waitpid(pid, 0)
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(functools.partial(print, end=""), ["pool 1\\n", "pool 2\\n"], chunksize=1)
print("after")
"""


def test_what_forked_children_print_is_there_once(server: JupyterServer) -> None:
    assert sorted(said(server, CHILDREN).splitlines()) == ["after", "before", "in a fork", "pool 1", "pool 2"]


RAW = """
import os, subprocess
subprocess.run([sys.executable, "-c", "print('äöü€' * 5000)"], check=True, env={**os.environ, "PYTHONUTF8": "1"})
_ = os.write(2, "raw €\\n".encode())
"""


def test_raw_output_of_children_and_libraries_is_whole(server: JupyterServer) -> None:
    run_id = server.wait(server.submit(OURS + RAW))["id"]
    outputs = [event for event in server.events(run_id) if event["kind"] == "output"]
    assert "".join(one["text"] for one in outputs) == "äöü€" * 5000 + "\n" + "raw €\n"


def test_raw_output_is_whole_in_every_of_many_cells(server: JupyterServer) -> None:
    last_act = "import os\n_ = os.write(1, b'x' * 60000 + b'the end')"
    for _ in range(10):
        assert said(server, last_act) == "x" * 60000 + "the end"


LATER = """
import asyncio
print("in the first")
async def go_on():
    for _ in range(20):
        print("of the first")
        await asyncio.sleep(0.05)
task = asyncio.get_running_loop().create_task(go_on())
"""


def test_each_request_of_a_session_has_its_own(server: JupyterServer) -> None:
    try:
        assert said(server, LATER, session="output").startswith("in the first\n")
        assert said(server, "print('in the second'); await task; print('end')", session="output") == (
            "in the second\nend\n"
        )
    finally:
        server.http.post("sessions/output/end")
    wait_until(lambda: not server.http.get("sessions").json()["sessions"])


def test_a_cell_that_prints_without_end_can_be_cancelled(server: JupyterServer) -> None:
    run_id = server.submit("import itertools\nfor number in itertools.count(): print(number)")
    wait_until(lambda: server.log(run_id).count("\n") > 1000)
    server.http.post(f"runs/{run_id}/cancel")
    assert server.wait(run_id)["outcome"] == "cancelled"
    printed = "".join(event["text"] for event in server.events(run_id) if event["kind"] == "output").split("\n")
    assert printed[:-2] == [str(number) for number in range(len(printed) - 2)]


def test_what_is_printed_is_not_kept(server: JupyterServer) -> None:
    outputs = "getattr(get_ipython().history_manager, 'outputs', {})"  # which older IPythons do not have
    kept = f"print(sum(map(len, {outputs}.values())))"
    assert said(server, f"print('x' * 1000)\n{kept}").endswith("\n0\n")
