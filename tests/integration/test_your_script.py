"""Scripts that nobody changed: what they print and what their loggers write is on the run, here and far."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from logged_files import LOGGED, wanted
from machines import Machine
from servers import TOKEN, JupyterServer, wait_until

from gpurun_jupyter import Client, Run

#: As PyTorch's MNIST example prints.
PRINTS = """
import time
for epoch in (1, 2):
    for batch in range(0, 10):
        told = (epoch, batch * 64, 640, 10 * batch, 1 / (epoch + batch))
        print("Train Epoch: {} [{}/{} ({:.0f}%)]\\tLoss: {:.6f}".format(*told))
        time.sleep(0.02)
    print("\\nTest set: Average loss: {:.4f}, Accuracy: {}/{} ({:.0f}%)\\n".format(0.5 / epoch, 300 + epoch, 360, 83))
"""
#: A loop that logs into a table, and leaves its settings, as Lightning does; it goes on until it is told to end.
LOGS = """
import os, time
os.makedirs("lightning_logs/version_0")
with open("lightning_logs/version_0/hparams.yaml", "w") as file:
    file.write("lr: 0.01\\nhidden: 64\\n")
with open("lightning_logs/version_0/metrics.csv", "w") as file:
    file.write("epoch,step,train_loss\\n")
    for step in range(5):
        file.write(f"0,{step},{1 / (step + 1)}\\n")
        file.flush()
    while not os.path.exists("go"):
        time.sleep(0.02)
    file.write("1,5,0.125")
"""
COPIES = "import shutil, sys\nshutil.copytree(sys.argv[1], 'logs')\n"
TELLS = """
import os
print(os.environ.get("WANDB_MODE"), os.environ.get("WANDB_DIR") == os.getcwd())
print(os.environ["TENSORBOARD_LOGDIR"] == os.path.join(os.getcwd(), "runs"))
"""


@pytest.fixture(scope="module")
def client(server: JupyterServer) -> Iterator[Client]:
    with Client(server.url, TOKEN) as made:
        yield made


@pytest.fixture
def code(tmp_path: Path) -> Path:
    for name, text in {"prints.py": PRINTS, "logs.py": LOGS, "copies.py": COPIES}.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def submitted(client: Client, code: Path, entry: str, *args: str, **options: object) -> Run:
    return client.submit_dir(code, entry, [*args], gpu=0, **options)


def lasts(run: Run) -> dict[str, object]:
    return {name: summary.last for name, summary in run.refresh().record.metrics.items()}


def test_what_a_script_prints(client: Client, code: Path) -> None:
    run = submitted(client, code, "prints.py").wait()
    assert lasts(run) == {
        "Loss": pytest.approx(1 / 11, abs=1e-6),
        "Average loss": 0.25,
        "Accuracy": pytest.approx(302 / 3.6),
    }
    loss = run.metrics()["Loss"]
    assert loss["step"][-1] == 2 * 640 - 64
    assert [(bar.done, bar.total) for bar in run.record.progress.bars] == [(1, None), (576, 640)]


def test_what_a_cell_prints(server: JupyterServer, client: Client) -> None:
    run_id = server.submit("for epoch in range(3): print(f'epoch {epoch} loss {1 / (epoch + 1)}')")
    server.wait(run_id)
    assert lasts(client.get(run_id)) == {"loss": pytest.approx(1 / 3)}


def test_what_loggers_write_is_told_while_the_run_goes_on(server: JupyterServer, client: Client, code: Path) -> None:
    run = submitted(client, code, "logs.py", project="loggers")
    wait_until(lambda: lasts(run).get("train_loss") == 0.2, 30)
    work = server.home / "runs" / run.id / "attempts" / "1" / "work"
    (work / "go").touch()
    run.wait()
    assert lasts(run)["train_loss"] == 0.125  # a last line without an end
    assert run.metrics()["train_loss"]["step"] == [0, 1, 2, 3, 4, 5]
    assert run.record.meta["parameters"] == {"lr": 0.01, "hidden": 64}
    found = server.http.get("runs", params={"where": "param.hidden = 64 and param.lr = 0.01"}).json()["runs"]
    assert [one["id"] for one in found] == [run.id]


def test_a_run_reads_less_where_it_is_told_to(client: Client, code: Path) -> None:
    run = submitted(client, code, "prints.py", env={"GPURUN_READERS": "-lines"}).wait()
    assert lasts(run) == {}
    run = submitted(client, code, "copies.py", str(LOGGED / "lightning_csv"), env={"GPURUN_READERS": "none"}).wait()
    assert lasts(run) == {}


@pytest.mark.parametrize("name", ["tensorboard_torch", "wandb_offline", "lightning_csv", "ultralytics"])
def test_recordings_of_loggers(client: Client, code: Path, name: str) -> None:
    run = submitted(client, code, "copies.py", str(LOGGED / name)).wait()
    want = wanted(name)
    assert {key: value for key, value in lasts(run).items() if key in want["metrics"]} == {
        key: pytest.approx(points[-1][1]) for key, points in want["metrics"].items()
    }
    assert run.record.meta.get("parameters", {}).keys() >= want["params"].keys()


def test_on_another_machine(far_server: JupyterServer, far_machine: Machine, code: Path) -> None:
    shutil.copytree(LOGGED / "lightning_csv", code / "recorded")
    with Client(far_server.url, TOKEN) as client:
        run = client.submit_dir(code, "copies.py", ["recorded"], gpu=0, on="lab").wait()
        want = wanted("lightning_csv")["metrics"]
        assert want.keys() <= lasts(run).keys()
        assert run.record.meta["parameters"]


def test_loggers_find_where_to_write(server: JupyterServer) -> None:
    run_id = server.submit(TELLS)
    server.wait(run_id)
    assert server.log(run_id).split()[-3:] == ["offline", "True", "True"]
