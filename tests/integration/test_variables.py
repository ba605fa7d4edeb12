"""`--in` and `--out`: variables from a notebook into a run and back, on a real server and kernel."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from notebooks import ServerKernel
from servers import TOKEN, JupyterServer

from gpurun_jupyter import Client, RunFailed
from gpurun_jupyter.core.errors import InvalidRequest, TooLarge
from gpurun_jupyter.views.tail import plain


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as connected:
        yield connected


def test_variables_go_in_and_come_back(server: JupyterServer, notebook: ServerKernel) -> None:
    notebook.execute("import numpy as np\nx = np.arange(6.0).reshape(2, 3)\nhow = {'by': 2, 'why': ('a', None)}")
    output = notebook.execute(
        "%%gpurun --name carried --in x,how --out y --out tags\ny = x * how['by']; tags = {how['why']}"
    )
    assert output.failed == "", output
    assert output.bundles == output.bundles[:1]
    assert notebook.execute("print(y.tolist(), y.dtype, tags)").text == (
        "[[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]] float64 {('a', None)}\n"
    )
    run = server.run("carried")
    assert set(run["spec"]["inputs"]) == {"x", "how"}
    assert run["spec"]["outputs"] == ["y", "tags"]
    assert "[[" not in json.dumps(run)  # names and digests, never the values


def test_nothing_of_it_is_seen_in_the_cell(server: JupyterServer, client: Client) -> None:
    code = (
        "before = sorted(name for name in globals() if not name.startswith('_'))\n"
        "import traceback\n"
        "ours = [name for name in dir() if 'gpurun' in name or 'kernel' in name]\n"
        "line = traceback.extract_stack()[-1].lineno\n"
    )
    plain = client.run(code, outputs=["before", "ours", "line"])
    given = client.run(code, inputs={"x": 1}, outputs=["before", "ours", "line"])
    assert given["before"] == sorted([*plain["before"], "x"])
    assert (given["ours"], given["line"]) == ([], 4)


def test_a_traceback_has_the_lines_of_the_cell(client: Client) -> None:
    run = client.submit("a = 1\n\nx / 0", inputs={"x": 1}, outputs=["a"]).wait()
    with pytest.raises(RunFailed, match=r"ZeroDivisionError") as failed:
        run.result()
    assert "----> 3 x / 0" in plain(failed.value.traceback)


def test_a_result_is_read_in_a_new_kernel_days_later(server: JupyterServer, client: Client) -> None:
    code = """
import pandas as pd
frame = pd.DataFrame({'a': [1, None]}, index=pd.Index(['x', 'y'], name='key'))
losses = [float('nan'), 0.5]
"""
    client.run(code, name="for-later", outputs=["frame", "losses"])
    asked = (
        "from gpurun_jupyter import Client; r = Client().get('for-later').result();"
        "print(r['frame'].to_dict(), r['losses'])"
    )
    environment = {**server.env, "GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}
    answer = subprocess.run([sys.executable, "-c", asked], env=environment, capture_output=True, text=True, check=True)
    assert answer.stdout == "{'a': {'x': 1.0, 'y': nan}} [nan, 0.5]\n"


def test_sessions_take_variables_in_and_keep_them(server: JupyterServer, client: Client) -> None:
    try:
        client.run("total = n", inputs={"n": 5}, session="summing")
        later = client.run("total += n", inputs={"n": 6}, outputs=["total", "n"], session="summing")
        assert later == {"total": 11, "n": 6}
    finally:
        client.change_session("summing", "end")


def test_an_output_that_is_not_there_fails_the_run_and_keeps_its_log(server: JupyterServer, client: Client) -> None:
    run = client.submit("print('worked')\na = 1", outputs=["a", "b"]).wait()
    assert (run.outcome, run.reason) == ("failed", "output_missing")
    assert run.record.message == "The cell did not define 'b'. --out names variables of the cell."
    assert run.logs() == "worked\n"
    assert run.outputs() == {}
    with pytest.raises(RunFailed, match="did not define 'b'"):
        run.result()


def test_an_output_that_no_safe_format_takes(client: Client) -> None:
    run = client.submit("class Net: pass\nnet = {'a': Net()}", outputs=["net"]).wait()
    assert run.reason == "output_missing"
    for words in ("net['a']", "__main__.Net", "--pickle"):
        assert words in run.record.message
    run = client.submit("import collections\ncounted = collections.Counter('aab')", outputs=["counted"], pickle=True)
    with pytest.raises(InvalidRequest, match=r"pickled collections\.Counter.*result\(pickle=True\)"):
        run.result()
    assert run.result(pickle=True) == {"counted": {"a": 2, "b": 1}}


def test_outputs_have_a_limit(client: Client) -> None:
    run = client.submit("big = b'x' * 3_000_000", outputs=["big"], values_limit="1M").wait()
    assert run.reason == "output_missing"
    assert "'big' has 2.9 MB, more than the 1.0 MB" in run.record.message
    with pytest.raises(TooLarge, match=r"2\.9 MB"):
        client.submit("1", inputs={"big": b"x" * 3_000_000}, values_limit="1M")


REFUSALS = {
    "%%gpurun --in absent,gone\n1": ("no variable 'absent' and no 'gone'", "notebook"),
    "%%gpurun --in 'a b'\n1": ("no variable 'a b'",),
    "%%gpurun --out 'a b'\n1": ("'a b' cannot be the name of a variable",),
    "%%gpurun --in printed\n1": ("'printed'", "builtin_function_or_method", "--pickle"),
    "%%gpurun --in listed --values-limit 10\n1": ("more than the 10 B", "--values-limit"),
}


@pytest.mark.parametrize("cell", REFUSALS)
def test_a_refusal_comes_before_anything_is_submitted(server: JupyterServer, notebook: ServerKernel, cell: str) -> None:
    notebook.execute("printed = print\nlisted = list(range(100))")
    newest = server.http.get("runs?limit=1").json()["runs"]
    output = notebook.execute(cell)
    assert output.failed.startswith("UsageError: ")
    assert "\n" not in output.failed
    assert all(words in output.failed for words in REFUSALS[cell]), output.failed
    assert server.http.get("runs?limit=1").json()["runs"] == newest


def test_pickle_takes_what_the_notebook_defines(notebook: ServerKernel) -> None:
    notebook.execute(
        "class Scale:\n    by = 3\n    def __call__(self, n):\n        return n * self.by\nscale = Scale()"
    )
    output = notebook.execute("%%gpurun --pickle --in scale --out other\nother = scale\nscale(14)")
    assert output.failed == "", output
    assert output.bundles[-1]["text/plain"] == "42"
    assert notebook.execute("print(other(2))").text == "6\n"


def test_a_detached_run_gives_its_result_when_asked(notebook: ServerKernel) -> None:
    notebook.execute("%%gpurun --name left-alone --detach --out squares\nsquares = [n * n for n in range(4)]")
    output = notebook.execute("%gpurun result left-alone")
    assert output.failed == "", output
    assert "[0, 1, 4, 9]" in output.bundles[-1]["text/plain"]
    assert notebook.execute("print(squares)").text == "[0, 1, 4, 9]\n"


def test_another_environment_without_the_library_says_so(server: JupyterServer, client: Client) -> None:
    """The run's interpreter is the same here, so numpy is hidden from it."""
    code = "import sys; sys.modules['numpy'] = None"
    try:
        client.run(code, session="bare")
        run = client.submit("x", inputs={"x": np.zeros(3)}, session="bare").wait()
        assert (run.outcome, run.reason) == ("failed", "start_failed")
        assert "'x' is a numpy.ndarray, and this environment has no numpy" in run.record.message
    finally:
        client.change_session("bare", "end")


def test_a_kernel_of_its_own_process_works_the_same(client: Client) -> None:
    """A variable that Python reads at its start makes the kernel a fresh process, with `values` on its path."""
    found = client.run("y = x + 1", inputs={"x": np.arange(3)}, outputs=["y"], env={"PYTHONHASHSEED": "0"})
    assert found["y"].tolist() == [1, 2, 3]


def test_over_http_a_plain_value_is_plain_json(server: JupyterServer) -> None:
    body = json.dumps({"lr": 0.1}).encode()
    digest = hashlib.sha256(body).hexdigest()
    asked = {"code": "out = config['lr'] * 2", "inputs": {"config": digest}, "outputs": ["out"]}
    refused = server.http.post("runs", json=asked)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "not_shipped")
    assert server.http.post("blobs/missing", json={"blobs": {digest: len(body)}}).json() == {"missing": [digest]}
    wrong = server.http.put(f"blobs/{'0' * 64}", content=body)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "wrong_digest")
    assert server.http.put(f"blobs/{digest}", content=body).status_code == 201
    assert server.http.post("blobs/missing", json={"blobs": {digest: len(body)}}).json() == {"missing": []}
    run = server.wait(server.http.post("runs", json=asked).json()["id"])
    assert run["outcome"] == "succeeded", run
    known = server.http.get(f"runs/{run['id']}/outputs").json()["outputs"]["out"]
    sent = server.http.get(f"runs/{run['id']}/outputs/out").content
    assert sent == b"0.2"
    assert known == {
        "file": "0",
        "digest": hashlib.sha256(sent).hexdigest(),
        "size_bytes": 3,
        "type": "float",
    }
    missing = server.http.get(f"runs/{run['id']}/outputs/other")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "output_missing")
    kept = [event for event in server.events(run["id"]) if event["kind"] == "artifact"]
    assert [(event["variable"], event["size"]) for event in kept] == [("out", 3)]


def test_an_output_that_was_changed_on_the_disk_is_not_taken_for_it(server: JupyterServer, client: Client) -> None:
    run = client.submit("y = 1", outputs=["y"]).wait()
    (server.home / "runs" / run.id / "attempts" / "1" / "outputs" / "0").write_text("2")
    with pytest.raises(InvalidRequest, match="sha256"):
        run.result()


def test_frames_keep_their_dtypes_through_a_run(client: Client) -> None:
    frame = pd.DataFrame({"c": pd.Categorical(["a", "b"]), "t": pd.to_datetime(["2024-01-01", None], utc=True)})
    back = client.run("frame = frame.iloc[::-1]", inputs={"frame": frame}, outputs=["frame"])["frame"]
    pd.testing.assert_frame_equal(back, frame.iloc[::-1])


def test_a_directory_and_variables_together(client: Client, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("shipped")
    (folder / "doubling.py").write_text("def double(n):\n    return 2 * n\n")
    run = client.submit("from doubling import double\ny = double(x)", inputs={"x": 4}, outputs=["y"], dir=folder)
    assert run.result() == {"y": 8}


def test_a_cancelled_run_has_no_result(server: JupyterServer, client: Client) -> None:
    run = client.submit("import time\nprint('up', flush=True)\ntime.sleep(60)", inputs={"x": 1}, outputs=["x"])
    for _, event in run.events(follow=True):
        if getattr(event, "text", "") == "up\n":
            break
    run.cancel()
    with pytest.raises(RunFailed, match="cancelled"):
        run.result()


def test_the_example_runs(notebook: ServerKernel) -> None:
    example = nbformat.read(Path(__file__).parents[2] / "examples" / "02-variables.ipynb", as_version=4)
    printed = ""
    for cell in (cell for cell in example.cells if cell.cell_type == "code"):
        output = notebook.execute(cell.source)
        assert output.failed == "", output
        printed += output.text
    assert printed.count("alpha") == 3
    assert printed.count("best") == 1
    assert output.bundles[-1]["text/plain"] == "100.0"
