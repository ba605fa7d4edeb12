"""`%%gpurun` and `%gpurun` in a kernel that the server started, as in a notebook."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from notebooks import ServerKernel
from servers import TOKEN, JupyterServer, wait_until

RUN_MIME = "application/vnd.gpurun.run+json"
WIDGET_MIME = "application/vnd.jupyter.widget-view+json"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def test_a_cell_shows_its_view_its_displays_and_its_value(server: JupyterServer, notebook: ServerKernel) -> None:
    code = "from IPython.display import HTML, display\nprint('one line')\ndisplay(HTML('<i>x</i>'))\n6 * 7"
    output = notebook.execute(f"%%gpurun --name shown\n{code}")
    assert output.failed == ""
    view, shown, value = output.bundles
    assert view[RUN_MIME]["run_id"] == server.run("shown")["id"]
    assert WIDGET_MIME in view
    assert shown["text/html"] == "<i>x</i>"
    assert value["text/plain"] == "42"
    final = output.updates[-1]
    assert WIDGET_MIME not in final
    assert final[RUN_MIME]["summary"]["outcome"] == "succeeded"
    assert "succeeded" in final["text/plain"]
    assert "one line" in final["text/plain"]
    assert "one line" in final["text/html"]


def test_the_notebooks_own_kernelspec_is_the_default(server: JupyterServer, notebook: ServerKernel) -> None:
    notebook.execute("%%gpurun --name own-kernel\n1")
    assert server.run("own-kernel")["spec"]["kernel"] == "python3"


def test_a_cell_that_raises_shows_the_remote_traceback_and_fails(notebook: ServerKernel) -> None:
    output = notebook.execute("%%gpurun\ndef load():\n    raise FileNotFoundError('no data')\nload()")
    assert output.failed == "FileNotFoundError: no data"
    assert output.error is not None
    traceback = ANSI.sub("", "\n".join(output.error["traceback"]))
    assert "in load()" in traceback
    assert "gpurun_jupyter" not in traceback


REFUSALS = {
    "%%gpurun --gpu 3\n1": ("No agent has 3 GPUs on one machine", "has no GPUs", "--wait-for-device"),
    "%%gpurun --gpus 1\n1": ("No such option", "--gpus"),
    "%%gpurun --gpu many\n1": ("many", "integer"),
    "%%gpurun --gpu -1\n1": ("-1", "gpu"),
    "%%gpurun --timeout soon\n1": ("soon", "duration"),
    "%%gpurun --kernel 'unclosed\n1": ("quotation",),
    "%%gpurun --dir /does/not/exist\n1": ("/does/not/exist",),
    "%%gpurun\n   ": ("empty",),
    "%gpurun logs nobody-knows-it": ("There is no run 'nobody-knows-it'",),
    "%gpurun cancel nobody-knows-it": ("There is no run 'nobody-knows-it'",),
    "%gpurun dance": ("dance",),
    "%gpurun submit absent.py --dir .": ("absent.py",),
    "%gpurun submit train.py --dir /does/not/exist": ("/does/not/exist",),
    "%%gpurun --data nobody-has-it\n1": ("no data set 'nobody-has-it'", "gpurun data upload"),
    "%gpurun data upload /does/not/exist": ("/does/not/exist",),
}


@pytest.mark.parametrize("cell", REFUSALS)
def test_a_refusal_is_one_sentence_and_the_cell_fails(notebook: ServerKernel, cell: str) -> None:
    output = notebook.execute(cell)
    assert output.failed.startswith("UsageError: ")
    assert output.text == f"{output.failed}\n"
    assert len(output.failed) < 400
    assert output.bundles == []
    for words in REFUSALS[cell]:
        assert words in output.failed


def test_a_directory_of_3_gb_is_refused_before_it_is_read(notebook: ServerKernel, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "train.py").write_text("print(1)")
    with (tmp_path / "data" / "big.bin").open("wb") as file:
        file.truncate(3 * 2**30)
    output = notebook.execute(f"%gpurun submit train.py --dir {tmp_path}", timeout_s=5)
    for words in ("3.0 GB", "data", ".gitignore"):
        assert words in output.failed


def test_local_modules_go_along_without_being_asked_for(
    server: JupyterServer, notebook: ServerKernel, tmp_path: Path
) -> None:
    (tmp_path / "layers").mkdir()
    (tmp_path / "net_of_ours.py").write_text("from layers import conv\nwidth = conv.width")
    (tmp_path / "layers" / "__init__.py").write_text("")
    (tmp_path / "layers" / "conv.py").write_text("width = 7")
    notebook.execute(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    output = notebook.execute(
        "%%gpurun --name with-modules\nimport net_of_ours, os\nnet_of_ours.width, sorted(os.listdir())"
    )
    assert output.failed == ""
    assert output.bundles[-1]["text/plain"] == "(7, ['layers', 'net_of_ours.py'])"
    assert output.text == "with net_of_ours.py, layers/: 3 files (51 B)\n"
    (tmp_path / "layers" / "conv.py").write_text("width = 8")
    changed = notebook.execute("%%gpurun\nimport net_of_ours\nnet_of_ours.width")
    assert changed.bundles[-1]["text/plain"] == "8"
    plain = notebook.execute("%%gpurun --name without-modules\nimport os\nos.listdir()")
    assert (plain.text, plain.bundles[-1]["text/plain"]) == ("", "[]")
    assert "dir" not in server.run("without-modules")["spec"]


def test_a_dry_run_submits_nothing(server: JupyterServer, notebook: ServerKernel, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("print(7)")
    newest = server.run("last")["id"]
    for cell in (
        f"%%gpurun --dry-run --gpu 0 --dir {tmp_path}\nx = 1\nx",
        f"%gpurun submit train.py --dir {tmp_path} --dry-run --gpu 0",
    ):
        output = notebook.execute(cell)
        assert output.failed == ""
        for words in ("nothing is submitted", "1 file (8 B)", "1 of them (8 B) new", "a CPU slot", "at once on"):
            assert words in output.text
    assert server.run("last")["id"] == newest


def test_a_secret_is_refused_and_a_data_set_is_used(
    server: JupyterServer, notebook: ServerKernel, tmp_path: Path
) -> None:
    (tmp_path / "a.csv").write_text("1,2")
    (tmp_path / ".env").write_text("KEY=1")
    for cell in (f"%%gpurun --dir {tmp_path}\n1", f"%gpurun data upload {tmp_path} --name numbers"):
        refused = notebook.execute(cell)
        for words in (".env", ".gpurunignore", "`!.env`"):
            assert words in refused.failed
    (tmp_path / ".env").unlink()
    assert "use it with --data numbers" in notebook.execute(f"%gpurun data upload {tmp_path} --name numbers").text
    assert "numbers" in str(notebook.execute("%gpurun data list").bundles)
    output = notebook.execute("%%gpurun --data numbers:in\nopen('in/a.csv').read()")
    assert output.bundles[-1]["text/plain"] == "'1,2'"


def test_a_directory_ships_runs_and_streams(server: JupyterServer, notebook: ServerKernel, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("import sys, os\nprint(sys.argv[1:], sorted(os.listdir()))")
    (tmp_path / "secret.log").write_text("not to be shipped")
    (tmp_path / ".gitignore").write_text("*.log\n")
    output = notebook.execute(f"%gpurun submit train.py --dir {tmp_path} --name shipped --wait -- --epochs 3")
    assert output.failed == "", output
    assert server.log("shipped") == "['--epochs', '3'] ['.gitignore', 'train.py']\n"
    waiting = notebook.execute(f"%gpurun submit train.py --dir {tmp_path} --name waits --kernel no-such-kernel")
    assert "waits for a machine with the kernel 'no-such-kernel'" in waiting.text
    assert "cancelled" in notebook.execute("%gpurun cancel waits").text
    (tmp_path / "train.py").write_text("raise SystemExit('no such luck')")
    failing = notebook.execute(f"%gpurun submit train.py --dir {tmp_path} --wait --name broken")
    assert "no such luck" in failing.failed + str(failing.updates)
    assert failing.failed == "UsageError: Not every run succeeded."


def test_detached_runs_are_waited_for_and_attached_to(server: JupyterServer, notebook: ServerKernel) -> None:
    output = notebook.execute("%%gpurun --detach --name later\nimport time\nprint('begun', flush=True)\ntime.sleep(3)")
    assert output.failed == ""
    assert server.run("later")["state"] != "finished"
    attached = notebook.execute("%gpurun attach later")
    assert attached.failed == ""
    assert "begun" in attached.updates[-1]["text/plain"]
    assert "succeeded" in notebook.execute("%gpurun wait later").text
    assert "begun" in notebook.execute("%gpurun logs later").text
    assert "later" in str(notebook.execute("%gpurun runs").bundles)
    assert "later" in str(notebook.execute("%gpurun status later").bundles)
    assert "cpu" in str(notebook.execute("%gpurun devices").bundles)


def test_an_interrupted_cell_interrupts_its_run(server: JupyterServer, notebook: ServerKernel) -> None:
    request = notebook.start("%%gpurun --name long-one\nimport time\nprint('up', flush=True)\ntime.sleep(60)")
    wait_until(lambda: server.http.get("runs/long-one").status_code == 200 and "up" in server.log("long-one"))
    notebook.interrupt()
    output = notebook.read_until_idle(request)
    assert server.wait("long-one")["outcome"] == "cancelled"
    assert "KeyboardInterrupt" in output.failed
    assert "interrupt again to kill it" in output.text


def test_a_restarted_kernel_leaves_its_run(server: JupyterServer) -> None:
    restarted = ServerKernel(server)
    restarted.execute("%load_ext gpurun_jupyter")
    restarted.start("%%gpurun --name left\nfor n in range(100): print(n, flush=True); __import__('time').sleep(0.03)")
    wait_until(lambda: server.http.get("runs/left").status_code == 200 and "10" in server.log("left"))
    restarted.restart()  # Jupyter interrupts it before
    assert server.wait("left")["outcome"] == "succeeded"
    assert server.log("left").endswith("99\n")
    restarted.close()


def test_loading_the_magics_imports_nothing_heavy() -> None:
    heavy = ("httpx", "click", "rich", "anywidget", "sqlalchemy", "msgspec")
    code = f"import sys, gpurun_jupyter.notebook.magics; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_mlflow_in_this_kernel_logs_to_the_server(server: JupyterServer, notebook: ServerKernel) -> None:
    notebook.execute("import sys, types; said = []; sys.modules['mlflow'] = types.ModuleType('mlflow')")
    notebook.execute("sys.modules['mlflow'].set_tracking_uri = said.append")
    output = notebook.execute("%gpurun mlflow")
    address = f"{server.url}gpurun/mlflow"
    assert address in output.text
    assert TOKEN not in output.text
    asked = (
        "import os, urllib.request as web\n"
        "headers = {'Authorization': f\"Bearer {os.environ['MLFLOW_TRACKING_TOKEN']}\"}\n"
        "request = web.Request(os.environ['MLFLOW_TRACKING_URI'] + '/health', headers=headers)\n"
        "print(web.urlopen(request).read().decode(), said)"
    )
    assert notebook.execute(asked).text == f"OK ['{address}']\n"
    notebook.execute(
        "del sys.modules['mlflow'], os.environ['MLFLOW_TRACKING_URI'], os.environ['MLFLOW_TRACKING_TOKEN']"
    )
