"""Every verb has an example in docs/using.md, and every example is carried out: in a terminal and in a notebook."""

from __future__ import annotations

import gzip
import shlex
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
import pytest
from logged_files import LOGGED
from notebooks import ServerKernel
from servers import TOKEN, JupyterServer
from verbs import examples

from gpurun_jupyter.cli.faults import carried_out
from gpurun_jupyter.client import Client

ROOT = Path(__file__).parents[2]
RECORDING = ROOT / "tests" / "foreign" / "recordings" / "tqdm_epochs.cast.gz"
#: What is typed in a shell: a verb that waits, that follows, and those that start programs or are read by the shell.
#: For the others the process would only cost time.
IN_A_SHELL = {"submit", "logs", "decode", "doctor", "server", "reindex", "completion"}
EXAMPLES = examples()


class World(NamedTuple):
    """Where a person sits who has just read the docs."""

    folder: Path
    client: Client

    def finished(self) -> str:
        """A run that is over: it printed, left a variable and a file."""
        code = "print('hello')\nopen('model.pt', 'w').write('weights')\ny = 42"
        return self.client.submit(code, gpu=0, outputs=["y"]).wait().id

    def on_hold(self) -> str:
        return self.client.submit("1", gpu=0, hold=True).id

    def named(self) -> None:
        for name in ("digits-a", "digits-b"):
            self.client.submit("1", gpu=0, name=name).wait()

    def deleted(self) -> str:
        run = self.client.get(self.finished())
        run.delete()
        return run.id

    def measured(self) -> None:
        code = "from gpurun_jupyter import report\nreport.log(acc=0.95)"
        self.client.submit(code, gpu=0, project="digits", env={"lr": "0.1"}).wait()

    def session(self) -> None:
        self.client.submit("x = 1", gpu=0, session="tune").wait()


#: What has to be there before an example; a run that is over is what most are about.
BEFORE: dict[str, Callable[[World], object]] = {
    "start": World.on_hold,
    "priority": World.on_hold,
    "cancel": World.on_hold,
    "wait": World.named,
    "compare": World.named,
    "runs": World.measured,
    "sessions": World.session,
}


@pytest.fixture(scope="module")
def world(server: JupyterServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("person")
    (folder / "train.py").write_text("import sys\nprint('trained with', sys.argv[1:])\n")
    (folder / "lr.gpurun.yaml").write_text("entry: train.py\ngpu: 0\nvalues:\n  lr: [0.1, 0.01]\n")
    (folder / "digits").mkdir()
    (folder / "experiments" / "digits").mkdir(parents=True)
    (folder / "experiments" / "digits" / "elsewhere.csv").write_text("step,loss\n1,0.5\n")
    shutil.copytree(LOGGED / "tensorboard_torch", folder / "runs")
    shutil.copytree(LOGGED / "wandb_offline", folder / "wandb")
    with tarfile.open(LOGGED / "mlflow_sqlite.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    (folder / "backup" / "runs").mkdir(parents=True)
    (folder / "digits" / "one.csv").write_text("1,2\n")
    (folder / "train.cast").write_bytes(gzip.decompress(RECORDING.read_bytes()))
    cell = nbformat.v4.new_code_cell("lr = 1.0", metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_code_cell("lr")]), folder / "train.ipynb")
    with Client(server.url, TOKEN) as client:
        yield World(folder, client)


@pytest.fixture(scope="module")
def kernel(server: JupyterServer, world: World) -> Iterator[ServerKernel]:
    made = ServerKernel(server)
    made.execute(f"%load_ext gpurun_jupyter\n%cd {world.folder}")
    yield made
    made.close()


def prepared(world: World, verb: str, example: str) -> str:
    """The example with everything there that it is about."""
    if "--restore" in example:
        return example.replace("k3f9x2ab", world.deleted())
    BEFORE.get(verb, World.finished)(world)
    return example


@pytest.fixture
def terminal(server: JupyterServer, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is where the person types."""
    monkeypatch.chdir(world.folder)
    for name, value in (server.env | {"GPURUN_URL": server.url, "GPURUN_TOKEN": TOKEN}).items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize(("verb", "example"), EXAMPLES)
def test_it_does_what_it_says_in_a_terminal(
    world: World, verb: str, example: str, capfd: pytest.CaptureFixture[str]
) -> None:
    typed = prepared(world, verb, example)
    if verb in IN_A_SHELL:
        code = subprocess.run(["bash", "-c", typed], timeout=60).returncode
    else:
        _, *words = shlex.split(typed)
        code = carried_out(words)
    assert code == 0, capfd.readouterr().err


@pytest.mark.parametrize(("verb", "example"), [one for one in EXAMPLES if one[1].startswith("gpurun ")])
def test_it_does_what_it_says_in_a_notebook(world: World, kernel: ServerKernel, verb: str, example: str) -> None:
    typed = shlex.join(shlex.split(prepared(world, verb, example)))
    output = kernel.execute(f"%{typed}")
    assert output.failed == "", output.text
    assert not output.error
