"""What a run of another machine gives is what one of this machine gives: data, variables, models, metrics."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from machines import Machine
from servers import TOKEN, JupyterServer, wait_until

from gpurun_jupyter import Client, Run, RunFailed
from gpurun_jupyter.core.events import Display, Output, Progress, Result, Sample

TRAIN = """
import sys, time
from gpurun_jupyter import report
for step, acc in enumerate((0.5, float(sys.argv[1]))):
    open("model.pt", "w").write(f"weights {acc}")
    report.log(step=step, acc=acc)
    report.checkpoint("model.pt", step=step, acc=acc)
    report.save_model("model.pt", name="far", alias="dev", acc=acc)
open("model.pt", "w").write("overwritten since")
print(open("digits/one.csv").read())
"""
STAYING = "import os, time\nprint('up', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.02)\nprint('down')"


@pytest.fixture(scope="module")
def client(far_server: JupyterServer, far_machine: Machine) -> Iterator[Client]:
    with Client(far_server.url, TOKEN) as made:
        yield made


@pytest.fixture(scope="module")
def trained(client: Client, tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two runs of a directory with a data set, one after the other."""
    folder = tmp_path_factory.mktemp("person")
    (folder / "digits").mkdir()
    (folder / "digits" / "one.csv").write_text("1,2")
    (folder / "digits" / "big.bin").write_bytes(bytes(range(256)) * 2000)
    client.upload_data(folder / "digits", "digits")
    code = folder / "code"
    code.mkdir()
    (code / "train.py").write_text(TRAIN)

    def train(acc: float) -> Run:
        args = [str(acc), "--lr", "0.1"]
        return client.submit_dir(code, "train.py", args, gpu=0, on="lab", data=["digits"], project="far").wait()

    return [train(0.8), train(0.95)]


def release(machine: Machine, run: Run) -> None:
    (machine.home / "runs" / run.id / "attempts" / "1" / "work" / "go").touch()


def printed(client: Client, code: str, **options: Any) -> str:
    run = client.submit(code, gpu=0, on="lab", **options).wait()
    assert run.outcome is not None
    assert run.outcome.value == "succeeded", run.logs()
    return run.logs()


def test_a_data_set_is_there_and_no_run_changes_that_of_another(client: Client, trained: list[Run]) -> None:
    assert trained[0].logs() == "1,2\n"
    code = """
import os
try:
    os.chmod("digits/one.csv", 0o600)
    open("digits/one.csv", "w").write("changed")
except OSError: pass
print(sorted(os.listdir("digits")))
"""
    run = client.submit(code, gpu=0, on="lab", data=["digits"]).wait()
    assert run.logs() == "['big.bin', 'one.csv']\n"
    assert printed(client, "print(open('digits/one.csv').read())", data=["digits"]) == "1,2\n"


def test_what_it_left_is_listed_and_downloaded(trained: list[Run], tmp_path: Path) -> None:
    assert {file.path for file in trained[0].files() if not file.shipped} >= {"model.pt"}
    assert [file.path for file in trained[0].files() if file.shipped] == ["train.py"]
    trained[0].download("model.pt", tmp_path)
    assert (tmp_path / "model.pt").read_text() == "overwritten since"


def test_models_that_it_saved_are_versions_of_the_run(client: Client, trained: list[Run], tmp_path: Path) -> None:
    model = client.models.show("far")
    assert [(one.metrics["acc"], one.run_id) for one in model.versions] == [
        (0.95, trained[1].id),
        (0.5, trained[1].id),
        (0.8, trained[0].id),
        (0.5, trained[0].id),
    ]
    assert model.aliases == {"dev": 4}
    client.models.download("far", tmp_path / "got.pt", 2)
    assert (tmp_path / "got.pt").read_text() == "weights 0.8"
    assert client.models.register("model.pt", "left", run=trained[0].id).run_id == trained[0].id


def test_metrics_and_parameters_find_it(client: Client, trained: list[Run]) -> None:
    found = client.runs(where="acc > 0.9 and lr = 0.1 and agent = lab", project="far")
    assert [run.id for run in found] == [trained[1].id]
    assert trained[1].metrics()["acc"]["value"] == [0.5, 0.95]
    compared = client.compare(trained[0].id, trained[1].id)
    assert "0.95" in str(compared)


def test_the_run_before_is_known(far_server: JupyterServer, trained: list[Run]) -> None:
    assert far_server.http.get(f"runs/{trained[1].id}/previous").json()["run"]["id"] == trained[0].id


def test_its_environment_is_written_down(far_server: JupyterServer, trained: list[Run]) -> None:
    found = far_server.http.get(f"runs/{trained[0].id}/environment").json()["environment"]
    assert found["packages"]["ipykernel"]
    assert [device["label"] for device in found["devices"]] == trained[0].refresh().record.devices


def test_samples_say_how_much_memory_it_has(client: Client) -> None:
    run = client.submit("import time; time.sleep(2.5)", gpu=0, on="lab").wait()
    samples = [event for _, event in run.events() if isinstance(event, Sample)]
    assert any(sample.rss for sample in samples)


def test_a_second_attempt_goes_on_from_the_checkpoint(client: Client) -> None:
    code = """
import os, pathlib
from gpurun_jupyter import report
last = report.last_checkpoint()
print("from", pathlib.Path(last).read_text() if last else 0)
if not last:
    pathlib.Path("ck.txt").write_text("3")
    report.checkpoint("ck.txt", step=3, acc=0.5)
    os._exit(1)
"""
    run = client.submit(code, gpu=0, on="lab", retries=1).wait()
    assert (run.outcome and run.outcome.value, run.logs()) == ("succeeded", "from 0\nfrom 3\n")


def test_variables_travel_both_ways(client: Client) -> None:
    numpy = pytest.importorskip("numpy")
    run = client.submit("y = x + 1", gpu=0, on="lab", inputs={"x": numpy.arange(3)}, outputs=["y"])
    assert run.result()["y"].tolist() == [1, 2, 3]
    with pytest.raises(RunFailed, match="ZeroDivisionError"):
        client.submit("1 / 0", gpu=0, on="lab").result()


def test_a_notebook_comes_back_executed(client: Client, tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell("print('lr', lr)"), nbformat.v4.new_code_cell("1 / 0")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "train.ipynb")
    run = client.submit_notebook(tmp_path / "train.ipynb", parameters={"lr": 0.5}, gpu=0, on="lab").wait()
    assert (run.outcome and run.outcome.value) == "failed"
    executed = nbformat.read(run.download("executed.ipynb", tmp_path / "executed.ipynb"), 4)
    assert executed.cells[1].outputs[0].text == "lr 0.5\n"
    assert executed.cells[2].outputs[0].ename == "ZeroDivisionError"


def test_rich_output_and_bars(client: Client) -> None:
    code = """
from IPython.display import HTML, display
from tqdm import tqdm
display(HTML("<b>bold</b>"))
for _ in tqdm(range(3), desc="steps"): pass
{"answer": 42}
"""
    run = client.submit(code, gpu=0, on="lab").wait()
    events = [event for _, event in run.events()]
    assert "<b>bold</b>" in [event.data.get("text/html") for event in events if isinstance(event, Display)]
    assert [event.data["text/plain"] for event in events if isinstance(event, Result)] == ["{'answer': 42}"]
    assert run.progress is not None
    assert any(isinstance(event, Progress) and event.label == "steps" and event.done == 3 for event in events)


def test_who_follows_sees_it_as_it_happens(client: Client, far_machine: Machine) -> None:
    run = client.submit(STAYING, gpu=0, on="lab")
    seen: list[str] = []

    def follow() -> None:
        seen.extend(event.text for _, event in run.events(follow=True) if isinstance(event, Output))

    following = threading.Thread(target=follow)
    following.start()
    wait_until(lambda: seen == ["up\n"], what="for the first line")
    release(far_machine, run)
    following.join(20)
    assert "".join(seen) == "up\ndown\n"


def test_a_plain_cell_has_a_kernel_that_was_ready(client: Client, far_machine: Machine) -> None:
    """Forked from the agent's own fork parent; nothing of one run is there in the next."""
    pids = [printed(client, "import os; print(os.getpid(), 'left' in globals()); left = 1").split() for _ in range(2)]
    assert [known for _, known in pids] == ["False", "False"]
    assert pids[0][0] != pids[1][0]


def test_an_interrupt_and_then_a_kill(client: Client, far_machine: Machine) -> None:
    code = """
import os, time
print("up", flush=True)
while True:
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""
    run = client.submit(code, gpu=0, on="lab")
    wait_until(lambda: run.logs() == "up\n", what="for the first line")
    run.cancel()
    wait_until(lambda: "interrupted" in run.logs(), what="for the interrupt to arrive")
    run.cancel()
    assert (run.wait().outcome or "").value == "cancelled"


def test_a_run_that_waits_is_cancelled_and_never_starts(client: Client, far_machine: Machine) -> None:
    busy = [client.submit(STAYING, gpu=0, on="lab") for _ in range(3)]
    try:
        waiting = client.submit("print('never')", gpu=0, on="lab", name="third")
        assert waiting.refresh().state.value == "queued"
        assert waiting.cancel().refresh().outcome is not None
    finally:
        for run in busy:
            wait_until(lambda run=run: run.logs() == "up\n")
            release(far_machine, run)
    assert [(run.wait().outcome or "").value for run in busy] == ["succeeded"] * 3
    assert not (far_machine.home / "runs" / waiting.id).exists()


def test_again_and_away(client: Client, trained: list[Run], far_machine: Machine) -> None:
    again = trained[0].rerun().wait()
    assert (again.outcome and again.outcome.value, again.logs()) == ("succeeded", "1,2\n")
    again.delete()
    assert again.id not in [run.id for run in client.runs(project="far")]
