"""What a notebook shows, a run shows: figures, tables, updates, bars that are widgets, warnings, raw output."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest
from notebooks import ServerKernel
from servers import JupyterServer

from gpurun_jupyter.views.tail import plain


class Shown:
    """What a run left in its log."""

    def __init__(self, server: JupyterServer, code: str, **fields: Any) -> None:
        self.run = server.wait(server.submit(code, **fields))
        self.events = server.events(self.run["id"])

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["kind"] in kinds]

    @property
    def printed(self) -> str:
        return "".join(event["text"] for event in self.of("output"))


def test_figures_tables_html_and_latex(server: JupyterServer) -> None:
    code = """
import matplotlib.pyplot as plt, pandas as pd
from IPython.display import HTML, Latex, Markdown, SVG, display
plt.plot([1, 2]); plt.show()
display(pd.DataFrame({"a": [1]}), HTML("<b>b</b>"), Latex("$x^2$"), Markdown("*m*"))
fig, ax = plt.subplots(); ax.plot([3, 4]); print("left open")
pd.Series([1.5], name="last")
"""
    shown = Shown(server, code)
    assert shown.run["outcome"] == "succeeded", shown.printed
    mimes = [set(event["data"]) for event in shown.of("display", "result")]
    assert mimes == [
        {"image/png", "text/plain"},
        {"text/html", "text/plain"},
        {"text/html", "text/plain"},
        {"text/latex", "text/plain"},
        {"text/markdown", "text/plain"},
        {"text/plain"},
        {"image/png", "text/plain"},
    ]
    figure = base64.b64decode(shown.of("display")[0]["data"]["image/png"])
    assert figure.startswith(b"\x89PNG")
    assert "Name: last" in shown.of("result")[0]["data"]["text/plain"]


def test_displays_are_updated_and_cleared(server: JupyterServer) -> None:
    code = """
from IPython.display import clear_output, display
handle = display("first", display_id=True)
handle.update("second")
for step in range(2):
    clear_output(wait=True)
    print("step", step)
"""
    shown = Shown(server, code)
    first, second = shown.of("display")
    assert first["display_id"] == second["display_id"]
    assert (first.get("update", False), second["update"]) == (False, True)
    kinds = [event["kind"] for event in shown.of("clear", "output")]
    assert kinds == ["clear", "output", "clear", "output"]
    assert all(event["wait"] for event in shown.of("clear"))


def test_warnings_and_a_traceback_with_colours_once(server: JupyterServer) -> None:
    code = "import warnings\nwarnings.warn('old way', DeprecationWarning, stacklevel=1)\ndef f():\n    1 / 0\nf()"
    shown = Shown(server, code)
    warned = [event["text"] for event in shown.of("output") if event["stream"] == "stderr"]
    assert "DeprecationWarning: old way" in "".join(warned)
    (error,) = shown.of("error")
    assert any("\x1b[" in line for line in error["traceback"])
    assert "ZeroDivisionError" not in shown.printed
    assert shown.run["message"] == "ZeroDivisionError: division by zero"


def test_magics_and_the_shell(server: JupyterServer) -> None:
    code = """
%env GPURUN_TEST_MARK=set
%timeit -n 1 -r 1 pass
!echo from the shell $GPURUN_TEST_MARK
files = !echo a b
print(files)
"""
    shown = Shown(server, code)
    assert shown.run["outcome"] == "succeeded", shown.printed
    for words in ("env: GPURUN_TEST_MARK=set", "per loop", "from the shell set", "['a b']"):
        assert words in shown.printed


@pytest.mark.parametrize("env", [{}, {"PYTHONHASHSEED": "0"}], ids=["forked", "of a kernelspec"])
def test_raw_output_threads_and_subprocesses(server: JupyterServer, env: dict[str, str]) -> None:
    code = """
import ctypes, os, subprocess, sys, threading
os.write(1, b"raw one\\n"); os.write(2, b"raw two\\n")
c = ctypes.CDLL(None); c.printf(b"from C\\n"); c.fflush(None)
thread = threading.Thread(target=lambda: print("of a thread")); thread.start(); thread.join()
subprocess.run([sys.executable, "-c", "print('of a child')"])
os.system("echo of a shell")
"""
    shown = Shown(server, code, env=env)
    lines = ["raw one", "raw two", "from C", "of a thread", "of a child", "of a shell"]
    # Not whole lines: a `print` writes its newline apart, and raw output may come in between, as in a terminal.
    assert {line: shown.printed.count(line) for line in lines} == dict.fromkeys(lines, 1), shown.printed
    assert shown.printed.count("\n") == len(lines)


def test_a_widget_shows_its_text(server: JupyterServer) -> None:
    code = "import ipywidgets as w\ndisplay(w.IntSlider(value=7))\nw.Button(description='go')"
    shown = Shown(server, code)
    (slider,), (button,) = shown.of("display"), shown.of("result")
    assert slider["data"] == {"text/plain": "IntSlider(value=7)"}
    assert list(button["data"]) == ["text/plain"]


def bars(run: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(bar.get("label", ""), bar["done"], bar.get("total"), bar.get("parent")) for bar in run["progress"]["bars"]]


def test_bars_of_tqdm_auto_are_bars(server: JupyterServer) -> None:
    code = """
from tqdm.auto import tqdm
for epoch in tqdm(range(3), desc="epoch"):
    for batch in tqdm(range(5), desc=f"batches of {epoch}", leave=False):
        pass
"""
    shown = Shown(server, code)
    assert shown.run["outcome"] == "succeeded", shown.printed
    assert bars(shown.run) == [("epoch", 3, 3, None), ("batches of 2", 5, 5, "w1:epoch")]
    assert shown.run["progress"]["fraction"] == 1.0
    assert shown.of("display") == []
    assert shown.printed.startswith("epoch: 100%|██████████| 3/3 [")
    assert shown.printed.count("\n") == 1  # what does not stay leaves no line


def test_bars_of_tqdm_notebook_and_of_ipywidgets_are_bars(server: JupyterServer) -> None:
    code = """
from tqdm.notebook import trange
import ipywidgets
for _ in trange(4): pass
bar = ipywidgets.IntProgress(max=8, description="load")
display(bar)
bar.value = 8
"""
    shown = Shown(server, code)
    assert bars(shown.run) == [("", 4, 4, None), ("load", 8, 8, None)]


def test_input_is_refused_with_a_way_out(server: JupyterServer) -> None:
    shown = Shown(server, "name = input('name? ')")
    said = "a run has nobody to ask. Give the cell what it needs by --in, --env or a file."
    assert shown.run["message"] == f"StdinNotImplementedError: {said}"
    assert said in plain(shown.of("error")[0]["traceback"][-1])


def test_what_is_too_long_for_a_log_is_left_out_and_said(server: JupyterServer) -> None:
    code = """
from IPython.display import display
display({"text/html": "x" * 9_000_000, "text/plain": "short"}, raw=True)
display({"text/plain": "y" * 9_000_000}, raw=True)
"""
    shown = Shown(server, code)
    html, text = (event["data"] for event in shown.of("display"))
    assert html == {
        "text/plain": "short\n[text/html of 8.6 MB left out: a log takes 8.0 MB of each; save it to a file]"
    }
    assert re.fullmatch(r"y{65536}\n\[cut off here, 8.6 MB long: .*\]", text["text/plain"])


def test_a_cell_that_redraws_its_figure_leaves_one(notebook: ServerKernel) -> None:
    code = """%%gpurun
from IPython.display import HTML, clear_output, display
for step in range(3):
    clear_output(wait=True)
    print("at step", step)
    display(HTML(f"figure {step}"))
"""
    output = notebook.execute(code)
    assert output.failed == ""
    assert [bundle["text/html"] for bundle in output.bundles[1:]] == ["figure 0"]
    redrawn = [update["text/html"] for update in output.updates if "figure" in update.get("text/html", "")]
    assert redrawn == ["figure 1", "figure 2"]
    assert "at step 2" in output.updates[-1]["text/plain"]
    assert "at step 1" not in output.updates[-1]["text/plain"]
