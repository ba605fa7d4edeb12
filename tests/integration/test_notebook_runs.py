"""Whole notebooks as runs, and runs as notebooks, on a real server and kernel."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from notebooks import ServerKernel
from runs_in_kernels import STARTED
from servers import BIN, TOKEN, JupyterServer

from gpurun_jupyter import Client, Run
from gpurun_jupyter.client import notebooks
from gpurun_jupyter.core.errors import FileMissing, InvalidRequest
from gpurun_jupyter.core.origins import Origin


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as connected:
        yield connected


def code(source: str, *tags: str) -> Any:
    return nbformat.v4.new_code_cell(source, metadata={"tags": list(tags)} if tags else {})


def saved(path: Path, *cells: Any, **metadata: Any) -> Path:
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells), metadata=metadata), path)
    return path


TRAINING = [
    nbformat.v4.new_markdown_cell("# Training"),
    code("lr = 0.5\nsteps = 2", "parameters"),
    code("print('rate', lr)\nfor step in range(steps): print(step)"),
    code(""),
    code("from IPython.display import HTML, display\ndisplay(HTML('<b>done</b>'))\nlr * steps"),
]


def executed(run: Run, folder: Path) -> Any:
    notebook = nbformat.read(run.download("executed.ipynb", folder), as_version=4)
    nbformat.validate(notebook)
    return notebook


def texts(cell: Any) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def test_its_cells_run_in_order_with_the_parameters_injected(client: Client, tmp_path: Path) -> None:
    path = saved(tmp_path / "train.ipynb", *TRAINING)
    run = client.submit_notebook(path, {"lr": 0.25, "steps": 4}).wait()
    assert run.outcome == "succeeded", run.logs()
    assert (run.record.kind, run.name.rpartition("-")[0]) == ("notebook", "train")
    notebook = executed(run, tmp_path)
    assert [cell.cell_type for cell in notebook.cells] == ["markdown", *["code"] * 5]
    assert notebook.cells[2].source == "# Parameters\nlr = 0.25\nsteps = 4"
    assert notebook.cells[2].metadata.tags == ["injected-parameters"]
    assert texts(notebook.cells[3]) == "rate 0.25\n0\n1\n2\n3\n"
    assert notebook.cells[4].outputs == []
    shown, value = notebook.cells[5].outputs
    assert shown.data["text/html"] == "<b>done</b>"
    assert (value.output_type, value.data["text/plain"], value.execution_count) == ("execute_result", "1.0", 4)
    assert [cell.execution_count for cell in notebook.cells[1:]] == [1, 2, 3, None, 4]
    assert notebook.metadata.gpurun == {"run": run.id, "name": run.name, "parameters": {"lr": 0.25, "steps": 4}}
    progress = run.refresh().record.progress
    assert progress is not None
    assert [(bar.label, bar.done, bar.total) for bar in progress.bars] == [("cell 4/4", 4, 4)]
    assert progress.fraction == 1.0
    assert run.logs().startswith("rate 0.25\n0\n1\n2\n3\n")


def test_it_stops_at_the_first_cell_that_fails(client: Client, tmp_path: Path) -> None:
    cells = [code("1 / 0", "raises-exception"), code("print('on')"), code("undefined"), code("print('never')")]
    run = client.submit_notebook(saved(tmp_path / "failing.ipynb", *cells)).wait()
    assert (run.outcome, run.reason) == ("failed", "exception")
    assert run.record.message == "cell 3 of 4: NameError: name 'undefined' is not defined"
    notebook = executed(run, tmp_path)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3, None]
    assert [[output.output_type for output in cell.outputs] for cell in notebook.cells] == [
        ["error"],
        ["stream"],
        ["error"],
        [],
    ]
    assert notebook.cells[2].outputs[0].ename == "NameError"


def test_an_older_notebook_without_a_parameters_cell(client: Client, tmp_path: Path) -> None:
    cell = {"cell_type": "code", "source": "print(n)", "metadata": {}, "outputs": [], "execution_count": 7}
    old = {"nbformat": 4, "nbformat_minor": 2, "metadata": {}, "cells": [cell]}
    (tmp_path / "old.ipynb").write_text(json.dumps(old))
    run = client.submit_notebook(tmp_path / "old.ipynb", {"n": ["a", None, True]}).wait()
    notebook = executed(run, tmp_path)
    assert [cell.source for cell in notebook.cells] == ["# Parameters\nn = ['a', None, True]", "print(n)"]
    assert texts(notebook.cells[1]) == "['a', None, True]\n"
    again = client.submit_notebook(tmp_path / "executed.ipynb", {"n": 2}).wait()
    assert again.logs() == "2\n"


def test_displays_of_one_cell_are_updated_by_another(client: Client, tmp_path: Path) -> None:
    cells = [
        code("handle = display('old', display_id=True)"),
        code("handle.update('new')"),
        code("from IPython.display import clear_output\nprint('gone')\nclear_output()\nprint('left')"),
    ]
    notebook = executed(client.submit_notebook(saved(tmp_path / "u.ipynb", *cells)).wait(), tmp_path)
    assert notebook.cells[0].outputs[0].data["text/plain"] == "'new'"
    assert texts(notebook.cells[2]) == "left\n"


def test_a_directory_and_variables_with_a_notebook(client: Client, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "doubling.py").write_text("def double(n):\n    return 2 * n\n")
    path = saved(tmp_path / "project" / "n.ipynb", code("import doubling\ny = doubling.double(21)"))
    run = client.submit_notebook(path, {"k": "v"}, dir=tmp_path / "project", outputs=["y", "k"])
    assert run.result() == {"y": 42, "k": "v"}
    assert {"n.ipynb", "doubling.py", "executed.ipynb"} <= {file.path for file in run.files()}


def test_a_cancelled_notebook_keeps_what_it_has(client: Client, tmp_path: Path) -> None:
    cells = [
        code("print('one')"),
        code("import time\nprint('two', flush=True)\ntime.sleep(60)"),
        code("print('three')"),
    ]
    run = client.submit_notebook(saved(tmp_path / "long.ipynb", *cells))
    for _, event in run.events(follow=True):
        if getattr(event, "text", "") == "two\n":
            break
    run.cancel()
    assert run.wait(30).outcome == "cancelled"
    notebook = executed(run, tmp_path)
    assert [texts(cell) for cell in notebook.cells] == ["one\n", "two\n", ""]


def test_what_is_no_notebook_is_refused(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    with pytest.raises(FileMissing, match="absent"):
        client.submit_notebook(tmp_path / "absent.ipynb")
    (tmp_path / "text.ipynb").write_text("print(1)")
    with pytest.raises(InvalidRequest, match=r"text\.ipynb is not a notebook"):
        client.submit_notebook(tmp_path / "text.ipynb")
    good = saved(tmp_path / "good.ipynb", code("1"))
    with pytest.raises(InvalidRequest, match="'a b' cannot be the name of a parameter"):
        client.submit_notebook(good, {"a b": 1})
    digest = server.home / "blobs"  # over HTTP anything may come
    assert digest.is_dir()
    refused = server.http.post("runs", json={"notebook": {"digest": "0" * 64}})
    assert refused.json()["error"]["code"] == "not_shipped"
    both = server.http.post("runs", json={"code": "1", "notebook": {"digest": "0" * 64}})
    assert "not both" in both.json()["error"]["message"]


def test_from_the_command_line_and_back(server: JupyterServer, tmp_path: Path) -> None:
    path = saved(tmp_path / "cli.ipynb", *TRAINING)
    environment = {**server.env, "GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}

    def gpurun(*args: str) -> subprocess.CompletedProcess[str]:
        command = [str(BIN / "gpurun"), *args]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)

    ran = gpurun("notebook", str(path), "-p", "lr=1e-2", "-p", "steps=1", "--wait", "--name", "from-cli")
    assert ran.returncode == 0, ran.stderr
    assert "rate 0.01" in ran.stdout + ran.stderr
    assert gpurun("export", "from-cli").stdout == "from-cli.ipynb\n"
    notebook = nbformat.read(tmp_path / "from-cli.ipynb", as_version=4)
    assert notebook.cells[2].source == "# Parameters\nlr = 0.01\nsteps = 1"
    assert notebook.metadata.gpurun.parameters == {"lr": 0.01, "steps": 1}
    assert gpurun("export", "from-cli").returncode == 2
    assert gpurun("notebook", str(path), "-p", "lr").returncode == 2


def test_as_a_magic(server: JupyterServer, tmp_path: Path) -> None:
    kernel = ServerKernel(server)
    try:
        kernel.execute("%load_ext gpurun_jupyter")
        path = saved(tmp_path / "magic.ipynb", code("print('within', a)"))
        output = kernel.execute(f"%gpurun notebook {path} -p a=text --wait")
        assert output.failed == "", output
        assert "within text" in output.updates[-1]["text/plain"]
    finally:
        kernel.close()


def test_a_cell_is_exported_with_its_outputs(client: Client) -> None:
    run = client.submit("print('hello')\n[1, 2]", env={"LR": "1"}).wait()
    notebook = notebooks.as_notebook(run)
    nbformat.validate(notebook)
    (cell,) = notebook.cells
    assert cell.source == "print('hello')\n[1, 2]"
    assert [output.output_type for output in cell.outputs] == ["stream", "execute_result"]
    assert notebook.metadata.gpurun["env"] == {"LR": "1"}
    assert notebook.metadata.gpurun["outcome"] == "succeeded"


SHOWN = """from IPython.display import HTML, Image, Latex, clear_output, display
print("gone"); clear_output(wait=True); print("first")
bar = display(HTML("<b>0</b>"), display_id=True)
display(Image(data=b"\\x89PNG", format="png", width=20))
print("between")
display(Latex("$x$"))
bar.update(HTML("<b>9</b>"))
1 / 0"""


def test_what_was_displayed_is_exported_in_order(client: Client) -> None:
    origin = Origin(notebook="/home/anna/a.ipynb", cell="c1")
    notebook = notebooks.as_notebook(client.submit(SHOWN, origin=origin).wait())
    nbformat.validate(notebook)
    first, bar, image, between, latex, error = notebook.cells[0].outputs
    assert (first.text, bar.data["text/html"], between.text) == ("first\n", "<b>9</b>", "between\n")
    assert image.data["image/png"].strip() == "iVBORw=="
    assert image.metadata == {"image/png": {"width": 20}}
    assert (latex.data["text/latex"], error.ename) == ("$x$", "ZeroDivisionError")
    assert notebook.metadata.gpurun["origin"] == {"notebook": "/home/anna/a.ipynb", "cell": "c1"}


def test_a_notebook_run_says_where_its_notebook_lies(client: Client, server: JupyterServer, tmp_path: Path) -> None:
    for folder, path in ((server.folder / "files" / "sub", "sub/here.ipynb"), (tmp_path, None)):
        folder.mkdir(exist_ok=True)
        run = client.submit_notebook(saved(folder / "here.ipynb", code("1")))
        told = server.http.get(f"runs/{run.id}/environment").json()
        assert told["origin"] == {"notebook": str(folder / "here.ipynb")}
        assert told["notebook"] == path
        run.wait()


def test_an_entry_point_is_exported_as_the_line_that_submits_it(client: Client, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("import sys\nprint(sys.argv[1:])")
    run = client.submit_dir(tmp_path / "main.py", args=["--lr", "a b"]).wait()
    (cell,) = notebooks.as_notebook(run).cells
    assert cell.source == "%gpurun submit main.py --dir . -- --lr 'a b'"
    assert texts(cell) == "['--lr', 'a b']\n"


def test_a_notebook_run_without_its_file_is_made_from_the_log(
    server: JupyterServer, client: Client, tmp_path: Path
) -> None:
    run = client.submit_notebook(saved(tmp_path / "lost.ipynb", *TRAINING), {"steps": 1}).wait()
    (server.home / "runs" / run.id / "attempts" / "1" / "work" / "executed.ipynb").unlink()
    notebook = notebooks.as_notebook(run)
    nbformat.validate(notebook)
    assert [cell.source.split("\n")[0] for cell in notebook.cells] == [
        "lr = 0.5",
        "# Parameters",
        "print('rate', lr)",
        "from IPython.display import HTML, display",
    ]
    assert texts(notebook.cells[2]) == "rate 0.5\n0\n"


def test_a_module_called_like_one_of_pythons_own_is_the_reason_why_a_kernel_does_not_start(
    client: Client, tmp_path: Path
) -> None:
    (tmp_path / "types.py").write_text("class Config: pass\n")
    notebook = saved(tmp_path / "here.ipynb", code("1"))
    run = client.submit_notebook(notebook, dir=tmp_path, **STARTED).wait()
    assert (run.outcome, run.reason) == ("failed", "start_failed")
    assert run.record.message.endswith(
        "The reason is the run's own types.py, which Python imports for its own: rename it."
    )
