"""Bars in cells, of any library: bars and metrics of the run, a line or a display each, in order; nothing empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from servers import TOKEN, JupyterServer

from gpurun_jupyter import Client
from gpurun_jupyter.views.tail import plain

kernels = pytest.mark.parametrize("env", [{}, {"PYTHONHASHSEED": "0"}], ids=["forked", "of a kernelspec"])


class Ran:
    """A cell that has run, and what it left."""

    def __init__(self, server: JupyterServer, code: str, **fields: Any) -> None:
        self.run = server.wait(server.submit(code, **fields))
        self.log = plain(server.log(self.run["id"]))
        self.events = server.events(self.run["id"])

    @property
    def bars(self) -> list[tuple[Any, ...]]:
        return [(bar.get("label", ""), bar["done"], bar.get("total")) for bar in self.run["progress"]["bars"]]

    @property
    def metrics(self) -> list[tuple[float, dict[str, float]]]:
        return [(event.get("step"), event["values"]) for event in self.events if event["kind"] == "metric"]

    @property
    def displays(self) -> dict[str | int, dict[str, Any]]:
        """What a notebook would show at the end: the last state of each display that is not empty."""
        found: dict[str | int, dict[str, Any]] = {}
        for number, event in enumerate(self.events):
            if event["kind"] == "display":
                found[event.get("display_id") or number] = event["data"]
        return {name: data for name, data in found.items() if data}


TRAINER = """
from IPython.display import HTML, display
import time
h = display(HTML("<div><progress value='0' max='30'></progress>[0/30]</div>"), display_id=True)
for s in range(1, 31):
    rows = "".join(f"<tr><td>{k}</td><td>{1/k:.4f}</td></tr>" for k in range(10, s + 1, 10))
    h.update(HTML(f"<div><progress value='{s}' max='30' style='width:300px'></progress>"
                  f" [{s}/30 00:0{s//10} &lt; 00:0{3-s//10}, Epoch {s/10:.2f}/3]</div><table><thead><tr><th>Step</th>"
                  f"<th>Training Loss</th></tr></thead><tbody>{rows}</tbody></table>"))
    time.sleep(0.01)
print("done")
"""


@kernels
def test_html_bars_with_a_table(server: JupyterServer, env: dict[str, str]) -> None:
    ran = Ran(server, TRAINER, env=env)
    assert ran.bars == [("", 30, 30)]
    assert ran.run["progress"]["fraction"] == 1
    assert ran.metrics == [(10, {"loss": 0.1}), (20, {"loss": 0.05}), (30, {"loss": 0.0333})]
    assert ran.log.splitlines() == [
        *("[30/30 00:03 < 00:00, Epoch 3.00/3]", "Step  Training Loss"),
        *("10    0.1000", "20    0.0500", "30    0.0333", "done"),
    ]
    assert len(ran.displays) == 1


@kernels
def test_ipythons_own_bar(server: JupyterServer, env: dict[str, str]) -> None:
    ran = Ran(server, "from IPython.display import ProgressBar\nfor i in ProgressBar(10): print('in', i)", env=env)
    assert ran.bars == [("", 10, 10)]
    assert ran.log.splitlines() == [*(f"in {i}" for i in range(10)), f"[{'=' * 60}] 10/10"]


RICH = """
from rich.progress import Progress, track
import time
with Progress() as progress:
    a, b = progress.add_task("[red]load", total=10), progress.add_task("train", total=20)
    for step in range(20):
        progress.update(a, advance=0.5); progress.update(b, advance=1); time.sleep(0.01)
    print("{'loss': 0.5, 'step': 7}")
    progress.refresh()
print("done", flush=True)  # ipykernel gathers text, and rich takes its place
for i in track(range(5), description="tracked"): time.sleep(0.01)
with Progress(transient=True) as progress:
    for i in progress.track(range(3), description="gone"): pass
print("end")
"""


@kernels
def test_bars_of_rich(server: JupyterServer, env: dict[str, str]) -> None:
    ran = Ran(server, RICH, env=env)
    assert ran.bars == [("load", 100, 100), ("train", 100, 100), ("tracked", 100, 100), ("gone", 100, 100)]
    assert ran.metrics == [(7, {"loss": 0.5})]
    assert [line.split()[0] for line in ran.log.splitlines()] == ["{'loss':", "load", "train", "done", "tracked", "end"]
    assert len(ran.displays) == 3  # the print, while rich draws, is one
    assert not any("Output()" in text or not text.strip() for text in (d["text/plain"] for d in ran.displays.values()))


WIDGETS = """
from tqdm.notebook import tqdm, trange
for epoch in trange(2, desc="epoch"):
    for batch in tqdm(range(4), desc=f"batches {epoch}"): pass
    for check in tqdm(range(4), desc="check", leave=False): pass
bar = tqdm(total=10, desc="part")
bar.update(4); bar.set_postfix(loss=0.5); bar.close()
import ipywidgets
load = ipywidgets.IntProgress(max=8, description="load"); display(load); load.value = 8
out = ipywidgets.Output(); display(out)
from IPython.display import clear_output
for step in range(50):
    with out:
        clear_output(wait=True); print("step", step)
"""


@kernels
def test_widget_bars_leave_their_last_state(server: JupyterServer, env: dict[str, str]) -> None:
    ran = Ran(server, WIDGETS, env=env)
    assert {("epoch", 2, 2), ("batches 1", 4, 4), ("check", 4, 4), ("part", 4, 10), ("load", 8, 8)} <= {*ran.bars}
    assert ran.metrics == [(4, {"loss": 0.5})]
    lines = ran.log.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["batches 0", "batches 1", "epoch", "part", "load", "step 49"]
    assert lines[3].startswith("part:  40%|████      | 4/10 [")
    assert [data["text/plain"] for data in ran.displays.values()] == ["step 49\n"]


ORDER = """
from tqdm import tqdm
import sys
for epoch in range(3):
    for batch in tqdm(range(4), desc=f"epoch {epoch}", file=sys.STREAM): pass
    print(f"epoch {epoch} done")
for batch in tqdm(range(9), desc="left", file=sys.STREAM):
    if batch == 3: break
sys.STREAM.flush()  # ipykernel gathers the text of each stream
print("left it", flush=True)
display("shown")
for batch in tqdm(range(9), desc="broken", file=sys.STREAM):
    if batch == 4: 1 / 0
"""


@kernels
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_bar_stands_where_it_ended(server: JupyterServer, env: dict[str, str], stream: str) -> None:
    ran = Ran(server, ORDER.replace("STREAM", stream), env=env)
    lines = ran.log.splitlines()
    said = [line.partition(":")[0] for line in lines]
    expected = [text for epoch in range(3) for text in (f"epoch {epoch}", f"epoch {epoch} done")]
    assert said[:11] == [*expected, "left", "left it", "'shown'", "broken", "-" * 75]
    assert lines[9].startswith("broken:  44%|")


def test_a_script_says_it_in_the_same_order(server: JupyterServer, tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(ORDER.replace("STREAM", "stderr").partition("for batch in tqdm(range(9)")[0])
    with Client(server.url, TOKEN) as client:
        run = client.submit_dir(script).wait()
        said = [line.partition(":")[0] for line in plain(run.logs()).splitlines()]
    assert said == [text for epoch in range(3) for text in (f"epoch {epoch}", f"epoch {epoch} done")]


UPDATES = """
from IPython.display import HTML, display
h = display(HTML("0"), display_id=True)
for i in range(5000): h.update(HTML(f"<b>{i}</b>" + "<!-- %s -->" % ("x" * 1000)))
print("took")
display(HTML("")); display(HTML("<p></p>"))
late = display(HTML(""), display_id=True); late.update(HTML("<i>filled</i>"))
gone = display(HTML("<i>gone</i>"), display_id=True); gone.update(HTML(""))
"""


@kernels
def test_a_display_that_is_updated_a_thousand_times_is_one(server: JupyterServer, env: dict[str, str]) -> None:
    ran = Ran(server, UPDATES, env=env)
    assert ran.log == "4999\ntook\nfilled\n"
    assert len([event for event in ran.events if event["kind"] == "display"]) < 500
    assert [data["text/plain"] for data in ran.displays.values()] == ["4999", "filled"]
    with Client(server.url, TOKEN) as client:
        run = client.get(ran.run["id"])
        assert run.logs() == ran.log
        assert run.logs(2) == "took\nfilled\n"


CELLS = [
    "from tqdm.notebook import tqdm\nfor i in tqdm(range(5), desc='nbbar'): pass",
    "from tqdm import tqdm as t2\nfor i in t2(range(5), desc='textbar'): pass",
    "from IPython.display import display, HTML\nh = display(HTML('<b>one</b>'), display_id='shared')",
    "h.update(HTML('<b>two</b>'))\nprint('updated')",
    "import ipywidgets as w\no = w.Output()\nwith o: print('inside')\no",
    "from rich.progress import track\nfor i in track(range(5), description='richnb'): pass",
    "print('a', end='\\r'); print('b')",
]


def source(code: str, number: int) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": f"c{number}",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": code,
    }


def test_what_is_held_back_belongs_to_its_cell_of_the_executed_notebook(server: JupyterServer, tmp_path: Path) -> None:
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [source(code, number) for number, code in enumerate(CELLS)]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernelspec}, "cells": cells}
    (tmp_path / "nb.ipynb").write_text(json.dumps(notebook))
    with Client(server.url, TOKEN) as client:
        run = client.submit_notebook(tmp_path / "nb.ipynb").wait()
        assert run.failure() is None
        executed = json.loads(run.download("executed.ipynb", tmp_path).read_text())
    found = [
        ["".join(output.get("text") or output["data"]["text/plain"]) for output in cell["outputs"]]
        for cell in executed["cells"]
    ]
    first, second, *others, rich, last = found
    assert first[0].startswith("nbbar: 100%|██████████| 5/5 [")
    assert second[0].startswith("textbar: 100%|")
    assert (len(first), len(second), len(rich)) == (1, 1, 1)
    assert others == [["two"], ["updated\n"], ["inside\n"]]
    assert plain(rich[0]).startswith("richnb ━━━")
    assert last == ["a\rb\n"]
