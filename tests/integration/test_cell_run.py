"""A cell's way through a real server, agent, runner and kernel."""

from __future__ import annotations

import json
import os
import signal

from servers import JupyterServer, wait_until


def test_output_result_progress_and_metrics(server: JupyterServer) -> None:
    code = """
from tqdm import tqdm
from gpurun_jupyter import report
import sys
for step in tqdm(range(4), desc="epoch"):
    report.log(step=step, loss=1 / (step + 1))
print("to stdout")
print("to stderr", file=sys.stderr)
6 * 7
"""
    run = server.wait(server.submit(code, name="all-of-it"))
    assert (run["outcome"], run["reason"], run["attempt"]) == ("succeeded", "completed", 1)
    assert run["devices"] == ["cpu0"] or run["devices"] == ["cpu1"]
    assert run["progress"]["fraction"] == 1.0
    assert run["metrics"]["loss"] == {"last": 0.25, "min": 0.25, "max": 1.0, "step": 3}
    events = server.events(run["id"])
    assert [event["kind"] for event in (events[0], events[-1])] == ["start", "end"]
    assert [event["data"]["text/plain"] for event in events if event["kind"] == "result"] == ["42"]
    printed = {event["stream"]: event["text"] for event in events if event["kind"] == "output"}
    assert "to stdout\n" in printed["stdout"]
    assert "to stderr\n" in printed["stderr"]
    assert [bar["label"] for bar in run["progress"]["bars"]] == ["epoch"]


def test_report_track_is_a_bar(server: JupyterServer) -> None:
    run = server.wait(
        server.submit("from gpurun_jupyter import report\nfor x in report.track(range(5), 'training'): pass")
    )
    bar = run["progress"]["bars"][0]
    assert (bar["label"], bar["done"], bar["total"]) == ("training", 5, 5)


def test_displays_keep_their_mime_bundle(server: JupyterServer) -> None:
    run = server.wait(server.submit("from IPython.display import HTML, display; display(HTML('<b>bold</b>'))"))
    displayed = [event for event in server.events(run["id"]) if event["kind"] == "display"]
    assert displayed[0]["data"]["text/html"] == "<b>bold</b>"


def test_a_cell_that_raises_fails_with_its_traceback(server: JupyterServer) -> None:
    run = server.wait(server.submit("def inner():\n    raise ValueError('no such data')\ninner()"))
    assert (run["outcome"], run["reason"]) == ("failed", "exception")
    assert run["message"] == "ValueError: no such data"
    error = next(event for event in server.events(run["id"]) if event["kind"] == "error")
    assert error["name"] == "ValueError"
    assert any("inner" in line for line in error["traceback"])


def test_the_environment_of_a_cpu_run(server: JupyterServer) -> None:
    code = "import os, json; print(json.dumps({k: v for k, v in os.environ.items()}), os.getcwd())"
    run = server.wait(server.submit(code, name="env", env={"LR": "0.1"}))
    text, _, cwd = server.log(run["id"]).strip().rpartition(" ")
    env = json.loads(text)
    assert env["CUDA_VISIBLE_DEVICES"] == ""
    assert (env["GPURUN_RUN_ID"], env["GPURUN_RUN_NAME"], env["GPURUN_ATTEMPT"]) == (run["id"], "env", f"{run['id']}/1")
    assert env["LR"] == "0.1"
    assert cwd == env["GPURUN_OUTPUT_DIR"] == str(server.home / "runs" / run["id"] / "attempts" / "1" / "work")
    assert not any(name.startswith("JPY_") and name != "JPY_PARENT_PID" for name in env)


def test_the_whole_package_is_importable_in_a_run_of_its_own_environment(server: JupyterServer) -> None:
    run = server.wait(server.submit("from gpurun_jupyter import Client, report; Client, report"))
    assert run["outcome"] == "succeeded", server.log(run["id"])


def test_a_killed_kernel_is_told_apart(server: JupyterServer) -> None:
    run_id = server.submit("import os, time\nprint(os.getpid(), flush=True)\ntime.sleep(60)")
    kernel = int(wait_until(lambda: server.log(run_id).strip()))
    os.kill(kernel, signal.SIGKILL)
    run = server.wait(run_id)
    assert (run["outcome"], run["reason"]) == ("failed", "kernel_died")
    assert "signal 9" in run["message"]


def test_an_unknown_kernel_is_a_sentence(server: JupyterServer) -> None:
    run_id = server.submit("1", kernel="fortran-77")
    why = server.run(run_id)["waiting"]["why"]
    assert why.startswith("waits for a machine with the kernel 'fortran-77': ")
    assert "python3" in why
    server.http.post(f"runs/{run_id}/cancel")


def test_a_run_over_its_time_limit(server: JupyterServer) -> None:
    run = server.wait(server.submit("import time; time.sleep(60)", timeout=1))
    assert (run["outcome"], run["reason"]) == ("timed_out", "timeout")


def test_input_is_refused(server: JupyterServer) -> None:
    run = server.wait(server.submit("input('name? ')"))
    assert run["outcome"] == "failed"
    assert "StdinNotImplementedError" in run["message"]
