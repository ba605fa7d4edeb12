from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import nbconvert
import nbformat
import pytest
from IPython.core.error import UsageError
from servers import wait_until
from unit.client_fake import FakeServer, ended, refused, run_record

from gpurun_jupyter.core.events import Checkpoint, Display, Error, Metric, Output, Progress, Result, Sample
from gpurun_jupyter.notebook import kernelspec, sweeps, view
from gpurun_jupyter.notebook.faults import CellFailed
from gpurun_jupyter.notebook.magics import Magics, _with_a_body
from gpurun_jupyter.notebook.screens import NotebookScreen
from gpurun_jupyter.views import bundle
from gpurun_jupyter.views.facts import Facts
from gpurun_jupyter.views.tables import Table, table_html
from gpurun_jupyter.views.tail import Tail

NASTY = "<img src=x onerror=alert(1)>"


class Publisher:
    def __init__(self) -> None:
        self.published: list[SimpleNamespace] = []

    def publish(self, **message: Any) -> None:
        self.published.append(SimpleNamespace(**message))


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.setattr(view, "_widget_of", lambda _: None)  # a widget needs a kernel to speak through
    kernel = SimpleNamespace(config={"IPKernelApp": {"connection_file": "/run/kernel-abc.json"}})
    return SimpleNamespace(kernel=kernel, display_pub=Publisher(), exit_now=False, execution_count=1)


def magics(shell: SimpleNamespace, server: FakeServer) -> Magics:
    made = Magics(shell)
    made._connected = lambda: server.client  # type: ignore[method-assign]
    return made


def test_a_cell_shows_one_view_its_displays_and_its_value(shell: SimpleNamespace) -> None:
    events = [
        Output(stream="stdout", text="hello\n"),
        Display(data={"text/plain": "fig"}, display_id="d"),
        Display(data={"text/plain": "fig2"}, display_id="d", update=True),
        Result(data={"text/plain": "42"}),
    ]
    value = magics(shell, FakeServer(events=events)).cell("--name digits", "6*7")
    first, figure, redrawn, last = shell.display_pub.published
    assert value._repr_mimebundle_() == ({"text/plain": "42"}, {})
    assert first.transient == last.transient
    assert (first.update, last.update) == (False, True)
    assert figure.transient == redrawn.transient != {"display_id": "d"}
    assert redrawn.update
    assert last.data["text/plain"] == "✓ digits  succeeded in 0:48\nhello"
    assert last.data[bundle.RUN_MIME]["summary"]["state"] == "finished"
    assert last.data[bundle.RUN_MIME]["published"] == 2
    assert bundle.WIDGET_MIME not in last.data


def test_a_failed_run_fails_the_cell_with_its_own_traceback(shell: SimpleNamespace) -> None:
    error = Error(name="ValueError", value="bad", traceback=["\x1b[31mValueError\x1b[0m: bad"])
    failing = magics(shell, FakeServer(ended("failed", "exception"), [error]))
    with pytest.raises(CellFailed, match="bad") as raised:
        failing.cell("", "1/0")
    assert type(raised.value).__name__ == "ValueError"
    assert raised.value._render_traceback_() == ["\x1b[31mValueError\x1b[0m: bad"]


def test_a_run_that_did_not_raise_says_how_it_ended(shell: SimpleNamespace) -> None:
    failing = magics(shell, FakeServer(ended("failed", "kernel_died", message="the kernel died")))
    with pytest.raises(CellFailed) as raised:
        failing.cell("", "1")
    assert raised.value._render_traceback_() == ["✗ digits  failed after 0:48: the kernel died"]


@pytest.mark.parametrize("line", ["--nope", "--gpu x", "--timeout soon", "--dir /no/such/place", "'open"])
def test_refusals_are_one_sentence(shell: SimpleNamespace, line: str) -> None:
    with pytest.raises(UsageError) as raised:
        magics(shell, FakeServer()).cell(line, "1")
    assert "\n" not in str(raised.value)
    assert raised.value.__suppress_context__


def test_a_huge_directory_is_refused_in_a_sentence(shell: SimpleNamespace, tmp_path: Path) -> None:
    with (tmp_path / "data.bin").open("wb") as file:
        file.truncate(3 * 2**30)
    with pytest.raises(UsageError, match=r"holds 3.0 GB"):
        magics(shell, FakeServer()).cell(f"--dir {tmp_path}", "1")


def test_a_detached_cell_returns_at_once_and_is_followed_by_a_thread(shell: SimpleNamespace) -> None:
    server = FakeServer(events=[Result(data={"text/plain": "42"})])
    assert magics(shell, server).cell("--detach", "1") is None
    assert [request.url.path for request in server.seen[:2]] == ["/base/api/kernels/abc", "/base/gpurun/api/v1/runs"]
    assert b'"kernel":"python3"' in server.seen[1].content
    wait_until(lambda: len(shell.display_pub.published) == 2)
    first, last = shell.display_pub.published
    assert (first.update, last.update) == (False, True)
    assert last.data[bundle.RUN_MIME]["summary"]["state"] == "finished"
    assert "published" not in last.data[bundle.RUN_MIME]  # the cell does not show the value itself, so the view does


def test_verbs_are_those_of_the_command_line(shell: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    ours = magics(shell, FakeServer(ended("failed", "exit_code")))
    ours.line("status")
    assert "<table>" in shell.display_pub.published[0].data["text/html"]
    ours.line("logs last")
    assert capsys.readouterr().out == "printed\n"
    ours.line("")
    assert "Usage: %gpurun" in capsys.readouterr().out
    with pytest.raises(UsageError, match="Not every run succeeded"):
        ours.line("wait last")
    with pytest.raises(UsageError, match="no run 'zzz'"):
        ours.line("logs zzz")


def test_help_needs_no_cell(shell: SimpleNamespace, capsys: pytest.CaptureFixture[str]) -> None:
    assert _with_a_body(["%%gpurun --help\n"]) == ["%%gpurun --help\n", "\n"]
    assert _with_a_body(["%%gpurun\n", "1\n"]) == ["%%gpurun\n", "1\n"]
    assert magics(shell, FakeServer()).cell("--help", "\n") is None
    assert "--gpu N" in capsys.readouterr().out


def test_nothing_of_a_run_becomes_markup() -> None:
    record = run_record(name=NASTY, waiting={"position": 1, "why": NASTY})
    printed = Tail()
    printed.add(f"{NASTY}\n")
    html = bundle.run_bundle(record, printed)["text/html"]
    table = table_html(Table(NASTY, (NASTY,), [(NASTY,)], ""))
    assert "<img" not in html + table
    assert html.count("&lt;img") == table.count("&lt;img") == 3


def test_a_saved_notebook_reads_well_as_html(tmp_path: Path) -> None:
    printed = Tail()
    printed.add("".join(f"epoch {n}: loss \x1b[1m{1 / (n + 1):.2f}\x1b[0m\n" for n in range(200)))
    metrics = {"loss": {"last": 0.118, "min": 0.118, "max": 2.0, "step": 9}}
    failed = ended("failed", "cuda_oom", message="The GPU had no memory left.", metrics=metrics)
    data = bundle.run_bundle(failed, printed, 0, Checkpoint(path="model.pt", step=9))
    cell = nbformat.v4.new_code_cell("%%gpurun", outputs=[nbformat.v4.new_output("display_data", data)])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    page, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    shown = re.sub(r"<[^>]+>", "", page[page.index("jp-OutputArea-output") :])
    for text in (
        "✗ digits failed after 0:48: The GPU had no memory left.",
        "loss 0.118",
        "checkpoint model.pt at step 9",
        "the last 50 of 200 lines:",
        "epoch 150: loss 0.01",
        "epoch 199: loss 0.01",
    ):
        assert shown.count(text) == 1, text
    assert "epoch 149" not in page
    assert "RUN_MIME" not in shown
    assert len(json.dumps(data)) < 8000


def test_facts_are_those_of_the_log() -> None:
    facts = Facts()
    for event in (
        Metric(values={"loss": 1.0}),
        Sample(rss=5),
        Checkpoint(path="m.pt"),
        Progress(id="a", label="epoch", done=2, total=8),
    ):
        assert facts.take(event)
    assert not facts.take(Output(stream="stdout", text="x"))
    told = facts.told()
    assert told["curves"] == {"loss": [1.0]}
    assert (told["sample"]["rss"], told["checkpoints"], told["checkpoint"]["path"]) == (5, 1, "m.pt")
    record = run_record(progress={"fraction": 0.1, "bars": [{"id": "a", "done": 1, "total": 8}]})
    bars = facts.added_to(record).progress
    assert bars is not None
    assert bars.bars[0].done == 2


def test_a_widget_is_fed_by_a_thread_and_its_button_stops_the_run() -> None:
    server = FakeServer(events=[Output(stream="stdout", text="hello\n"), Metric(values={"loss": 1.0})])
    widget = server.client.submit("1").widget()
    wait_until(lambda: widget.run["state"] == "finished" and widget.facts)
    assert widget.output == {"text": "hello\n", "lines": 1}
    assert widget.facts["curves"] == {"loss": [1.0]}
    assert widget.progress == {}
    assert widget.can_stop
    widget._handle_custom_msg({"type": "stop"}, [])
    assert server.paths()[-1] == "POST runs/k3f9x2ab/cancel"
    widget.close()


def test_a_widget_says_what_is_wrong() -> None:
    server = FakeServer()
    run = server.client.submit("1")
    server.refusals = [refused("run_not_found", "There is no run 'k3f9x2ab'.", 404)]
    widget = run.widget()
    wait_until(lambda: widget.link)
    assert widget.link == "There is no run 'k3f9x2ab'. Do this."


def test_an_interrupt_that_is_the_kernels_end_is_not_for_the_run(shell: SimpleNamespace) -> None:
    screen = NotebookScreen(shell)
    assert not screen._is_shut_down()
    shell.exit_now = True
    assert screen._is_shut_down()


def test_a_widget_of_the_runs_own_kernel_gives_way_to_its_text() -> None:
    data = {bundle.WIDGET_MIME: {"model_id": "x"}, "text/plain": "bar"}
    assert view.drawable(data) == {"text/plain": "bar"}
    assert view.drawable({bundle.WIDGET_MIME: {}}) == {bundle.WIDGET_MIME: {}}


def test_the_notebooks_own_kernelspec_is_asked_for_once(shell: SimpleNamespace) -> None:
    asked: list[str] = []
    client = SimpleNamespace(url="u", kernel_name=lambda kernel_id: asked.append(kernel_id) or "python3")
    assert kernelspec.of_this_notebook(shell, client) == "python3"  # type: ignore[arg-type]
    assert kernelspec.of_this_notebook(shell, client) == "python3"  # type: ignore[arg-type]
    assert asked == ["abc"]
    assert kernelspec.of_this_notebook(SimpleNamespace(kernel=None), client) is None  # type: ignore[arg-type]


def test_a_kernelspec_is_asked_for_again_after_a_request_that_failed(shell: SimpleNamespace) -> None:
    server = FakeServer()
    server.refusals = [httpx.ConnectError("refused"), httpx.Response(503)]
    for expected in (None, None, "python3"):
        assert kernelspec.of_this_notebook(shell, server.client) == expected
    unknown = FakeServer()
    unknown.refusals = [httpx.Response(404)]
    shell = SimpleNamespace(kernel=shell.kernel)
    assert [kernelspec.of_this_notebook(shell, unknown.client) for _ in range(2)] == [None, None]
    assert len(unknown.seen) == 1, "that it has no such kernel is an answer"


def test_runs_of_a_sweep_are_stopped_though_one_has_just_ended() -> None:
    server = FakeServer(run_record(state="running"))
    runs = [server.client.get("last") for _ in range(3)]
    server.seen.clear()
    server.refusals = [refused("wrong_state", "It has finished.", 409)]
    sweeps._stop(runs)
    assert [path for path in server.paths() if "cancel" in path] == ["POST runs/k3f9x2ab/cancel"] * 3


def test_loading_the_extension_imports_nothing_heavy() -> None:
    code = """
import sys, IPython
before = set(sys.modules)
shell = IPython.core.interactiveshell.InteractiveShell.instance()
import gpurun_jupyter; gpurun_jupyter.load_ipython_extension(shell)
heavy = {"httpx", "click", "rich", "ipywidgets", "anywidget", "msgspec"}
print(sorted(heavy & (set(sys.modules) - before)))
"""
    env = {**os.environ, "IPYTHONDIR": "/nonexistent"}
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert found.stdout.strip().splitlines()[-1] == "[]"
