"""Runs in a kernel that is not Python: bash, by its kernelspec."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from servers import TOKEN, JupyterServer

from gpurun_jupyter import Client, RunFailed


@pytest.fixture(scope="module", autouse=True)
def bash(server: JupyterServer) -> str:
    folder = server.folder / "data" / "kernels" / "bash"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "bash_kernel", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Bash", "language": "bash"}))
    return "bash"


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as connected:
        yield connected


def test_output_environment_and_directory(client: Client) -> None:
    code = 'for n in 1 2 3; do echo "$GPURUN_RUN_NAME $n"; done; echo "$LR" > kept.txt; pwd | grep -c attempts'
    run = client.submit(code, kernel="bash", name="shell", env={"LR": "0.1"}).wait()
    assert run.failure() is None
    assert run.logs().split() == ["shell", "1", "shell", "2", "shell", "3", "1"]
    assert [file.path for file in run.files()] == ["kept.txt"]


def test_a_failing_command_fails_the_run(client: Client) -> None:
    run = client.submit("echo before; ls /no/such/place", kernel="bash").wait()
    assert (run.outcome, run.reason, run.record.message) == ("failed", "exception", "Error: 2")
    assert "before" in run.logs()
    with pytest.raises(RunFailed, match="Error: 1"):
        client.run("false", kernel="bash")


def test_a_session_keeps_its_variables(client: Client) -> None:
    try:
        client.run("count=41", kernel="bash", session="in-bash")
        assert client.submit("echo $((count + 1))", kernel="bash", session="in-bash").wait().logs() == "42\n"
    finally:
        client.change_session("in-bash", "end")


def test_an_interrupt_and_progress(client: Client) -> None:
    run = client.submit("echo '[PROGRESS:60:loading]'; echo up; sleep 60", kernel="bash")
    for _, event in run.events(follow=True):
        if "up" in getattr(event, "text", ""):
            break
    run.cancel()
    assert run.wait(30).outcome == "cancelled"
    progress = run.record.progress
    assert progress is not None
    assert progress.fraction == 0.6


def test_variables_are_refused_in_a_sentence(client: Client) -> None:
    for variables in ({"inputs": {"x": 1}}, {"outputs": ["x"]}):
        run = client.submit("x=1", kernel="bash", **variables).wait()  # type: ignore[arg-type]
        assert (run.outcome, run.reason) == ("failed", "start_failed")
        assert run.record.message.startswith("Variables travel only to and from Python; the kernel 'bash' is bash.")


def test_a_notebook_in_its_own_language_with_parameters(client: Client, tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell('echo "$greeting, $name"'), nbformat.v4.new_code_cell("x=1\necho $((x + n))")]
    metadata = {"kernelspec": {"name": "bash", "display_name": "Bash", "language": "bash"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), tmp_path / "shell.ipynb")
    run = client.submit_notebook(tmp_path / "shell.ipynb", {"greeting": "it's", "name": "me", "n": 4}).wait()
    assert run.outcome == "succeeded", run.record.message
    assert run.logs() == "it's, me\n5\n"
    notebook = nbformat.read(run.download("executed.ipynb", tmp_path), as_version=4)
    assert notebook.cells[0].source == "# Parameters\ngreeting='it'\"'\"'s'\nname=me\nn=4"
    assert notebook.cells[2].outputs[0].text == "5\n"


def test_a_magic_that_there_is_not_fails_a_cell_of_python(server: JupyterServer, client: Client) -> None:
    """IPython prints what is wrong and shows no error, but its answer is one."""
    for env in ({}, {"PYTHONHASHSEED": "0"}):
        run = client.submit("%nosuchmagic", env=env).wait()
        assert (run.outcome, run.reason) == ("failed", "exception")
        assert "Line magic function `%nosuchmagic` not found" in run.record.message
