"""A cell in a run is what it is in a notebook: in a forked kernel, and in one started from its kernelspec."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from notebooks import ServerKernel
from runs_in_kernels import STARTED, Kernel, notebook_run
from servers import JupyterServer, wait_until


def test_a_semicolon_silences_a_value(kernel: Kernel) -> None:
    assert kernel.run("1 + 1;").log == ""
    assert kernel.run("1 + 1").log == "2\n"


def test_a_session_knows_what_was_run_and_what_came_of_it(kernel: Kernel, session: str) -> None:
    assert kernel.run("x = 5\n6 * 7", session=session).log == "42\n"
    assert kernel.run("'hidden';", session=session).log == ""
    assert kernel.run("print(In[1], Out[1], _, sep='|')", session=session).log == "x = 5\n6 * 7|42|42\n"
    assert "6 * 7" in kernel.run("%history", session=session).log


@pytest.mark.parametrize("leave", ["import sys; sys.exit(0)", "import sys; sys.exit()", "exit()", "exit", "quit()"])
def test_it_may_end_early(kernel: Kernel, leave: str) -> None:
    code = f"print('before')\nif True:\n    {leave}\n    print('never')" if "()" in leave else leave
    ended = kernel.run(code)
    assert (ended.outcome, ended.message) == ("succeeded", "")
    assert ended.log == ("before\n" if "()" in leave else "")


def test_a_kernel_that_would_refuse_what_follows_an_error_may_end_early_too(kernel: Kernel) -> None:
    code = "get_ipython().kernel.stop_on_error_timeout = 60\nimport sys; sys.exit(0)"
    ended = kernel.run(code)
    assert (ended.outcome, ended.message) == ("succeeded", "")


@pytest.mark.parametrize(
    ("status", "message"),
    [("3", "ended with exit code 3"), ("-1", "ended with exit code 255"), ("'no data today'", "no data today")],
)
def test_it_may_end_as_a_failure(kernel: Kernel, status: str, message: str) -> None:
    ended = kernel.run(f"import sys\nprint('before')\nsys.exit({status})")
    assert ended[:3] == ("failed", "exit_code", message)
    assert ended.log == ("before\nno data today\n" if "data" in status else "before\n")


def test_in_a_session_sys_exit_ends_the_cell_and_exit_the_session(kernel: Kernel, session: str) -> None:
    kernel.run("x = 1", session=session)
    assert kernel.run("import sys; sys.exit(0)", session=session).outcome == "succeeded"
    assert kernel.run("print(x)", session=session).log == "1\n"
    ended = kernel.run("print('bye'); exit()", session=session)
    assert (ended.outcome, ended.log) == ("succeeded", "bye\n")
    assert "has ended" in ended.message
    assert kernel.run("print(x)", session=session).message == "NameError: name 'x' is not defined"


SURROGATES = [
    "raise ValueError('bad ' + b'x\\xff'.decode('utf8', 'surrogateescape'))",
    "raise ValueError('half a pair \\ud800')",
    "import os\nopen(b'caf\\xe9.txt', 'w').close()\n[open(f + '.missing') for f in os.listdir('.') if f[:3] == 'caf']",
]


@pytest.mark.parametrize("code", SURROGATES)
def test_an_error_that_is_no_utf8_is_an_error(kernel: Kernel, session: str, code: str) -> None:
    for fields in ({}, {"session": session}):
        ended = kernel.run(code, **fields)
        assert (ended.outcome, ended.reason) == ("failed", "exception")
        assert re.search("ValueError: (bad x|half a pair)|FileNotFoundError", ended.message)
    assert kernel.run("print('usable')", session=session).log == "usable\n"


def test_a_display_that_is_no_utf8_is_shown(kernel: Kernel) -> None:
    for half in ("\\udcff", "\\ud800"):
        code = (
            f"from IPython.display import HTML, display\ndisplay(HTML('<b>{half}</b>'))\nprint('ok {half}')\n'{half}'"
        )
        ended = kernel.run(code)
        assert ended.outcome == "succeeded"
        assert "ok " in ended.log


def test_a_traceback_names_the_line_of_the_notebook(kernel: Kernel) -> None:
    code = "x = 1\n\ndef f():\n    return x / 0\n\nf()"
    log = kernel.run(code, origin={"number": 4, "lines_above": 1}).log
    assert "Cell In[4], line 7" in log
    assert "Cell In[4], line 5, in f()" in log
    assert "----> 7 f()" in log
    assert "In[1]" not in log
    broken = kernel.run("x = 1\nif x\n", origin={"number": 12, "lines_above": 3}).log
    assert "Cell In[12], line 5" in broken


def test_the_magic_says_where_the_cell_stands(server: JupyterServer) -> None:
    notebook = ServerKernel(server)
    try:
        notebook.execute("%load_ext gpurun_jupyter")
        for above, code, line in (("", "\n\n1 / 0", 4), ("\n\n", "x = 1\n1 / 0", 5), ("", "if x\n", 2)):
            count = int(notebook.execute("print(get_ipython().execution_count)").text) + 1
            output = notebook.execute(f"{above}%%gpurun --name placed\n{code}")
            assert output.error is not None
            traceback = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(output.error["traceback"]))
            assert f"Cell In[{count}], line {line}" in traceback
    finally:
        notebook.close()


def test_commands_that_ask_get_no_answer(kernel: Kernel) -> None:
    code = """
!read x; echo "read $?"
!cat; echo "cat $?"
!(read x < /dev/tty) 2>/dev/null || echo "no tty"
found = !read x; echo "found $?"
print(found)
!exit 3
print(_exit_code)
"""
    lines = kernel.run(code).log.split("\n")
    assert [line for line in lines if line] == ["read 1", "cat 0", "no tty", "['found 1']", "3"]


def test_what_a_command_prints_is_there_while_it_runs_and_can_be_captured(kernel: Kernel) -> None:
    code = "!echo one; while ! test -e go; do sleep 0.02; done; echo two"
    run_id = kernel.submit(code)
    wait_until(lambda: kernel.server.log(run_id) == "one\n")
    (kernel.server.home / "runs" / run_id / "attempts" / "1" / "work" / "go").touch()
    assert kernel.server.wait(run_id)["outcome"] == "succeeded"
    assert kernel.server.log(run_id) == "one\ntwo\n"
    assert kernel.run("%%capture held\n!echo captured").log == ""


def test_a_command_is_interrupted_with_its_cell(kernel: Kernel) -> None:
    command = "trap 'echo interrupted; exit 1' INT; echo on; while :; do sleep 0.02; done"
    run_id = kernel.submit(f"!{command}\nprint('ne' + 'ver')")
    wait_until(lambda: kernel.server.log(run_id) == "on\n")
    kernel.server.http.post(f"runs/{run_id}/cancel")
    run = kernel.server.wait(run_id)
    assert run["outcome"] == "cancelled"
    log = kernel.server.log(run_id)
    assert "never" not in log
    assert log.startswith("on\ninterrupted\n")


def test_an_interrupt_before_its_first_line_reaches_it(kernel: Kernel, session: str) -> None:
    early = """
import os, signal
def interrupt(*_):
    get_ipython().events.unregister("pre_run_cell", interrupt)
    os.kill(os.getpid(), signal.SIGINT)
get_ipython().events.register("pre_run_cell", interrupt)
"""
    assert kernel.run(early, session=session).log == ""
    ended = kernel.run("print('not begun')", session=session)
    assert ended.message.startswith("KeyboardInterrupt")
    assert "begun" not in ended.log
    assert kernel.run("print('usable')", session=session).log == "usable\n"


def test_no_pager_waits(server: JupyterServer) -> None:
    files = {"file": ("main.py", b"import os; print(os.environ['PAGER'], os.environ['GIT_PAGER'])")}
    script = server.http.post("runs/zip", files=files).json()["id"]
    assert server.wait(script)["outcome"] == "succeeded"
    assert server.log(script) == "cat cat\n"


@pytest.mark.parametrize("env", [{}, STARTED["env"]])
def test_a_notebook_counts_its_cells_and_may_end_early(server: JupyterServer, tmp_path: Path, env: Any) -> None:
    sources = ("1 + 1;", "2 + 2", "print(_, In[2])", "import sys; sys.exit(0)", "print('never')")
    run, executed, log = notebook_run(server, tmp_path, *sources, env=env)
    assert (run.outcome, run.message, log) == ("succeeded", "", "4\n4 2 + 2\n")
    assert [cell.execution_count for cell in executed.cells] == [1, 2, 3, 4, None]
    assert [len(cell.outputs) for cell in executed.cells] == [0, 1, 1, 0, 0]


def test_a_notebook_that_ends_with_a_number_has_failed(server: JupyterServer, tmp_path: Path) -> None:
    run, _, log = notebook_run(server, tmp_path, "print('one')", "import sys; sys.exit(4)", "print('never')")
    assert (run.outcome, run.message) == ("failed", "cell 2 of 3: ended with exit code 4")
    assert log == "one\n"
