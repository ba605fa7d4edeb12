"""What somebody does who is new: README's cells, a GPU that is not there, a name that a run lacks, files, metrics."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from notebooks import ServerKernel
from servers import BIN, TOKEN, JupyterServer

from gpurun_jupyter import Client

README = Path(__file__).parents[2] / "README.md"
ANSI = re.compile(r"\x1b\[[0-9;]*m")
FIRST = "Use --gpu 0 to run on a CPU slot, or --wait-for-device"


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as connected:
        yield connected


def test_the_cells_of_the_readme_run_without_a_gpu(server: JupyterServer) -> None:
    cells = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)
    assert len(cells) >= 2
    fresh = ServerKernel(server)
    outputs = [fresh.execute(cell.rstrip("\n")) for cell in cells]
    fresh.close()
    assert [output.failed for output in outputs] == [""] * len(cells)
    assert outputs[1].bundles[-1]["text/plain"] == "'done on GPU none: a CPU slot'"
    assert "loss" in server.run("last")["metrics"]


def said_under(notebook: ServerKernel, cell: str) -> list[str]:
    """The lines of the error that a cell ended with."""
    output = notebook.execute(cell)
    assert output.error is not None, output
    return ANSI.sub("", "\n".join(output.error["traceback"])).splitlines()


MISSING = {
    "%%gpurun\nprint(rows)": "`--in rows` brings it.",
    "%%gpurun\ndef total():\n    return sum(row for row in rows) * scale\ntotal()": "`--in rows,scale` brings them.",
    "%%gpurun --in scale\nrows * scale": "`--in rows` brings it.",
    "%%gpurun\nnp.zeros(3)": "`import numpy as np` in the cell brings it.",
    "%%gpurun\nsqrt(4)": "`from math import sqrt` in the cell brings it.",
    "%%gpurun\ntwice(3)": "twice is a function of this notebook: define it in the cell",
    "%%gpurun\nprint(rowz)": "NameError: name 'rowz' is not defined",
    "%%gpurun\ndef f():\n    rows += 1\nf()": "UnboundLocalError: ",
    "%%gpurun\nimport missing_a_name": "NameError: name 'rows' is not defined",
}


@pytest.mark.parametrize("cell", MISSING)
def test_a_name_that_the_notebook_has(notebook: ServerKernel, cell: str, tmp_path: Path) -> None:
    (tmp_path / "missing_a_name.py").write_text("print(rows)")
    notebook.execute(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    notebook.execute(
        "import numpy as np\nfrom math import sqrt\nrows, scale = [1, 2], 3\ndef twice(n):\n    return 2 * n"
    )
    *_, last = said_under(notebook, cell)
    assert MISSING[cell] in last
    assert ("brings" in last or "define it" in last) == ("Error" not in MISSING[cell])


def test_what_the_hint_says_helps(notebook: ServerKernel) -> None:
    notebook.execute("only_here = 6")
    (option,) = re.findall(r"`(--in \S+)` brings", said_under(notebook, "%%gpurun\nonly_here * 7")[-1])
    assert notebook.execute(f"%%gpurun {option}\nonly_here * 7").bundles[-1]["text/plain"] == "42"


def test_a_session_and_a_sweep_say_it_too(notebook: ServerKernel, client: Client) -> None:
    notebook.execute("only_here, also_here = 6, 7")
    try:
        *_, last = said_under(notebook, "%%gpurun --session hinted\nonly_here + also_here")
    finally:
        client.change_session("hinted", "end")
    assert "`--in only_here` brings it." in last  # the other may be in the session
    swept = notebook.execute("%%gpurun --sweep 'rate=[1,2]'\nrate * only_here").failed
    assert "NameError: name 'only_here' is not defined and 1 more." in swept
    assert "`--in only_here` brings it." in swept


def test_a_terminal_ipython_says_it(server: JupyterServer) -> None:
    typed = "%load_ext gpurun_jupyter\nonly_here = 6\nget_ipython().run_cell_magic('gpurun', '', 'only_here * 7')"
    environment = {**server.env, "GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}
    command = [str(BIN / "ipython"), "--colors=NoColor", "-c", typed]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert "`--in only_here` brings it." in shown.stdout + shown.stderr


def test_a_gpu_that_is_not_there(notebook: ServerKernel, server: JupyterServer, tmp_path: Path) -> None:
    for cell in ("%%gpurun --gpu 1\n1", "%%gpurun --gpu 2 --gpu-mem 10G\n1", "%%gpurun --gpu 1 --sweep 'a=[1]'\n1"):
        assert FIRST in notebook.execute(cell).failed
        assert (
            FIRST
            in notebook.execute(
                cell.replace("--gpu 1", "--gpu 1 --dry-run").replace("--gpu 2", "--gpu 2 --dry-run")
            ).text
        )
    (tmp_path / "a.py").write_text("1")
    environment = {**server.env, "GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}
    command = [str(BIN / "gpurun"), "submit", "a.py", "--gpu", "1"]
    for more, stream in (([], "stderr"), (["--dry-run"], "stdout")):
        shown = subprocess.run([*command, *more], env=environment, cwd=tmp_path, capture_output=True, text=True)
        assert FIRST in getattr(shown, stream)
    assert FIRST in server.http.post("runs", json={"code": "1", "gpu": 1}).json()["error"]["hint"]
    body = {"yaml": "code: '1'\ngpu_mem: 10G\ngpu: 1\n", "path": "x.yaml"}
    (problem,) = server.http.post("launch/check", json=body).json()["problems"]
    assert FIRST in problem["hint"]
    assert problem["line"] == 3
    waiting = server.submit("1", gpu=1, wait_for_device=True)
    assert (
        "with --gpu 0 it would run on a CPU slot, else it starts when one that does joins"
        in server.run(waiting)["waiting"]["why"]
    )
    server.http.post(f"runs/{waiting}/cancel")


def test_files_that_were_shipped_are_told_apart(client: Client, tmp_path: Path) -> None:
    for name in ("train.py", "config.json", "same.txt", "gone.txt"):
        (tmp_path / name).write_text("{}" if name == "config.json" else name)
    (tmp_path / "train.py").write_text(
        "from pathlib import Path\n"
        "Path('config.json').write_text('[]')\n"
        "Path('same.txt').write_text(Path('same.txt').read_text())\n"
        "Path('gone.txt').unlink()\n"
        "Path('model.pt').write_text('weights')\n"
    )
    run = client.submit_dir(tmp_path, "train.py").wait()
    assert [(file.path, file.shipped) for file in run.files()] == [
        ("config.json", False),
        ("model.pt", False),
        ("same.txt", True),
        ("train.py", True),
    ]
    again = run.rerun().wait()
    assert [file.path for file in again.files() if not file.shipped] == ["config.json", "model.pt"]


def test_modules_that_went_along_with_a_cell_are_folded_away(
    notebook: ServerKernel, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "net_of_mine.py").write_text("width = 7")
    notebook.execute(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    cell = "import net_of_mine\nopen('out.txt', 'w').write(str(net_of_mine.width))"
    assert notebook.execute(f"%%gpurun --env PYTHONDONTWRITEBYTECODE= --name with-mine\n{cell}").failed == ""
    files = client.get("with-mine").files()
    assert [file.path for file in files if not file.shipped] == ["out.txt"]
    assert "net_of_mine.py" in [file.path for file in files if file.shipped]
    (shown,) = notebook.execute("%gpurun files with-mine").bundles
    assert "out.txt" in shown["text/plain"]
    assert "unchanged; --all lists them" in shown["text/plain"]
    assert "net_of_mine.py" not in shown["text/plain"]
    (everything,) = notebook.execute("%gpurun files with-mine --all").bundles
    assert "net_of_mine.py" in everything["text/html"]


def test_status_shows_every_metric_and_the_bars_of_now(notebook: ServerKernel, client: Client) -> None:
    code = (
        "import os, time\nfrom gpurun_jupyter import report\n"
        "report.progress(8, 8, 'load')\nreport.progress(3, 10, 'train')\n"
        "report.log(step=1, **{f'm{n}': n for n in range(30)})\n"
        "while not os.path.exists('stop'): time.sleep(.05)\n"
    )
    run = client.submit(code, name="measured")
    try:
        while not run.refresh().record.metrics:
            pass
        (shown,) = notebook.execute("%gpurun status measured").bundles
        text = shown["text/plain"]
        assert all(re.search(rf"^m{n} +{n} ", text, re.MULTILINE) for n in range(30)), text
        assert "train 3/10" in text
        assert "load" not in text
        assert run.progress is not None
        assert [bar.label for bar in run.progress.bars] == ["train"]
        assert len(run.record.progress.bars) == 2
    finally:
        run.cancel(kill=True).wait()
    assert f"{run.state} {run.outcome} {run.reason}" == "finished cancelled cancelled_by"
    assert (
        notebook.execute(
            "from gpurun_jupyter import Client\nr = Client().get('measured')\nprint(r.state, r.outcome, r.reason)"
        ).text
        == "finished cancelled cancelled_by\n"
    )
