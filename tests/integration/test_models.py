"""The model registry through a real server: registered from files and runs, promoted, downloaded, and damaged."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from servers import TOKEN, JupyterServer, wait_until

from gpurun_jupyter.cli.faults import carried_out
from gpurun_jupyter.cli.screen import Invocation
from gpurun_jupyter.cli.terminal import TerminalScreen
from gpurun_jupyter.client import Client
from gpurun_jupyter.core.errors import AliasMoved, BlobDamaged, GpurunError, ModelInUse, StorageFull
from gpurun_jupyter.core.home import Home
from gpurun_server.queue.intake.ingest import ingest
from gpurun_server.store.database import Database
from gpurun_server.store.tables import attempts

TRAIN = """
import sys
from gpurun_jupyter import report
for step, acc in enumerate((0.5, float(sys.argv[1]))):
    open("model.pt", "w").write(f"weights {acc}")
    report.log(step=step, acc=acc, loss=1 - acc)
"""


@pytest.fixture
def client(server: JupyterServer) -> Client:
    return Client(server.url, TOKEN)


def blobs(server: JupyterServer) -> set[str]:
    return {path.name for path in (server.home / "blobs").glob("*/*")}


def train(client: Client, folder: Path, acc: float, project: str) -> str:
    (folder / "train.py").write_text(TRAIN)
    run = client.submit_dir(folder, "train.py", [str(acc), "--lr", "0.1"], project=project).wait()
    assert run.outcome is not None
    assert run.outcome.value == "succeeded"
    return run.id


def refused(act: Callable[[], Any]) -> GpurunError:
    with pytest.raises(GpurunError) as caught:
        act()
    assert caught.value.hint
    return caught.value


def test_a_file_and_a_folder_travel_once_and_come_back_as_they_were(
    server: JupyterServer, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "model.pt").write_bytes(bytes(range(256)) * 1000)
    (tmp_path / "net" / "layers").mkdir(parents=True)
    (tmp_path / "net" / "config.json").write_text("{}")
    (tmp_path / "net" / "layers" / "0.bin").write_bytes(b"\0\1")
    first = client.models.register(tmp_path / "model.pt", "plain", metrics={"acc": 0.9}, tags=["a"], framework="torch")
    assert (first.version, first.metrics, first.file_count, first.size_bytes) == (1, {"acc": 0.9}, 1, 256_000)
    before = blobs(server)
    assert (
        client.models.register(
            tmp_path / "model.pt", "plain", metrics={"acc": 0.9}, tags=["a"], framework="torch"
        ).version
        == 1
    )
    assert client.models.register(tmp_path / "model.pt", "plain", metrics={"acc": 0.95}).version == 2
    assert client.models.register(tmp_path / "model.pt", "plain-too").version == 1
    assert blobs(server) == before

    both = client.models.register(tmp_path / "net", "plain", alias="dev")
    assert [(file.path, file.size_bytes) for file in both.files or []] == [("config.json", 2), ("layers/0.bin", 2)]
    assert client.models.show("plain").aliases == {"dev": 3}
    (tmp_path / "there").mkdir()
    assert client.models.download("plain", tmp_path / "there", 2).read_bytes() == (tmp_path / "model.pt").read_bytes()
    folder = client.models.download("plain", tmp_path / "there", "dev")
    assert (folder.name, (folder / "layers" / "0.bin").read_bytes()) == ("plain-v3", b"\0\1")
    packed = zipfile.ZipFile(io.BytesIO(server.http.get("models/plain/dev/zip").content))
    assert {name: packed.read(name) for name in packed.namelist()} == {"config.json": b"{}", "layers/0.bin": b"\0\1"}
    assert server.http.get("models/plain/dev/verify").json() == {"files": 2, "size_bytes": 4}


def test_what_a_run_left_and_the_best_of_several(client: Client, tmp_path: Path) -> None:
    worse, best = train(client, tmp_path, 0.8, "best"), train(client, tmp_path, 0.9, "best")
    train(client, tmp_path, 0.99, "elsewhere")
    named = client.models.register("model.pt", "of-runs", run=worse, description="by hand")
    assert (named.run_id, named.metrics["acc"], named.parameters) == (worse, 0.8, {"lr": "0.1"})
    assert named.spec is not None
    assert named.spec["dir"]["entry"] == "train.py"
    found = client.models.register("model.pt", "of-runs", best="acc", project="best")
    assert (found.version, found.run_id) == (2, best)
    assert client.models.register("model.pt", "of-runs", best="loss", mode="min", project="best").version == 2
    assert client.models.register("model.pt", "of-runs", best="loss", mode="max", project="best").run_id == worse
    client.models.download("of-runs", tmp_path / "got.pt", 2)
    assert (tmp_path / "got.pt").read_text() == "weights 0.9"
    assert client.models.register(".", "all-of-it", run=best).file_count == 2

    compared = client.models.compare("of-runs", 1, 2)
    assert ("acc", 0.8, 0.9) in [(row.name, row.a, row.b) for row in compared.metrics]
    assert [row.name for row in compared.files] == ["model.pt"]
    assert compared.parameters == []
    assert "No run of yours" in refused(lambda: client.models.register("m", "x", best="nothing")).message
    for path in ("missing.pt", "../events.jsonl", "/etc/passwd", "a\0b"):
        assert refused(lambda path=path: client.models.register(path, "x", run=best)).code == "file_not_found"


def test_a_run_registers_what_it_saved_once_however_often_its_log_is_read(
    server: JupyterServer, client: Client
) -> None:
    code = """
from gpurun_jupyter import report
for n in range(3):
    report.log(step=n, loss=1 / (n + 1))
    open("model.pt", "w").write(f"epoch {n}")
    report.save_model("model.pt", name="saved", acc=n / 10, framework="torch", alias="dev")
open("model.pt", "w").write("overwritten since")
"""
    run = client.submit(code, env={"LR": "0.1"}).wait()
    model = client.models.show("saved")
    assert [(one.version, one.metrics["acc"], one.run_id) for one in model.versions] == [
        (3, 0.2, run.id),
        (2, 0.1, run.id),
        (1, 0.0, run.id),
    ]
    assert [round(one.metrics["loss"], 3) for one in model.versions] == [0.333, 0.5, 1.0]  # as it was at that moment
    assert (model.aliases, model.versions[0].parameters) == ({"dev": 3}, {"LR": "0.1"})
    assert server.http.get("models/saved/1/files/model.pt").text == "epoch 0"

    home = Home(server.home)
    log = home.attempt(run.id, 1).events
    again = log.with_name("again.jsonl")
    again.write_bytes(
        b"".join(line for line in log.read_bytes().splitlines(keepends=True) if b'"kind":"model"' in line)
    )
    database = Database(home)

    def take_in(_: int) -> bool:
        with database.write() as writing:
            return ingest(writing, run.id, 1, again, "test")

    with database.write() as writing:
        mine = attempts.c.run_id == run.id
        writing.conn.execute(sa.update(attempts).where(mine).values(ingested_offset=0, ended_at=None))
    with ThreadPoolExecutor(4) as servers:
        assert sorted(servers.map(take_in, range(4))) == [False, False, False, True]
    database.close()
    assert len(client.models.show("saved").versions) == 3


def test_refusals_say_what_to_do(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_text("m")
    client.models.register(tmp_path / "m.pt", "kept", alias="release")
    client.models.register(tmp_path / "m.pt", "other")
    error = refused(lambda: client.models.delete("kept", 1))
    assert (type(error), "--remove release" in error.hint) == (ModelInUse, True)
    assert refused(lambda: client.models.archive("kept", 1)).code == "model_in_use"
    for name in ("a/b", "../x", "", "a b", "ü"):
        refusal = server.http.post("models", json={"name": name, "manifest": "0" * 64})
        assert (refusal.status_code, refusal.json()["error"]["code"]) == (400, "invalid_request"), name
        assert "cannot be the name of a model" in refusal.json()["error"]["message"]
    for path in ("%2e%2e/%2e%2e/gpurun.db", "..%2fm.pt", "m.pt%00", "/etc/passwd", "no.pt"):
        refusal = server.http.get(f"models/kept/1/files/{path}")
        assert refusal.status_code in (400, 404), path
        assert "gpurun models show kept" in refusal.json()["error"]["hint"]
    for method, route, body in (
        ("GET", "models/none", None),
        ("GET", "models/kept/9", None),
        ("GET", "models/kept/dev", None),
        ("DELETE", "models/kept/aliases/dev", None),
        ("POST", "models/kept/promote", {"version": 9}),
    ):
        refusal = server.http.request(method, route, json=body)
        assert (refusal.status_code, refusal.json()["error"]["code"]) == (404, "model_not_found"), route
    for body in (
        {"name": "x"},
        {"name": "x", "run": "last"},
        {"name": "x", "manifest": "0" * 64, "path": "p", "run": "r"},
    ):
        assert server.http.post("models", json=body).status_code == 400, body
    assert server.http.post("models", json={"name": "x", "manifest": "0" * 64}).json()["error"]["code"] == "not_shipped"
    assert server.http.patch("models/kept/1", json={"description": "a\0b"}).status_code == 400

    client.models.drop_alias("kept", "release")
    client.models.delete("kept", 1)
    assert client.models.download("other", tmp_path / "shared.pt").read_text() == "m"
    assert [model.name for model in client.models.list() if model.name in ("kept", "other")] == ["other"]


def test_damaged_bytes_are_never_handed_out_and_can_be_put_back(
    server: JupyterServer, client: Client, tmp_path: Path
) -> None:
    (tmp_path / "m.pt").write_bytes(b"good" * 500_000)
    version = client.models.register(tmp_path / "m.pt", "damaged")
    blob = Home(server.home).blob((version.files or [])[0].digest)
    blob.chmod(0o600)
    blob.write_bytes(b"good" * 499_999 + b"evil")
    error = refused(lambda: client.models.download("damaged", tmp_path / "got.pt"))
    assert (type(error), "Register the same files again" in error.hint) == (BlobDamaged, True)
    for route in ("files/m.pt", "zip", "verify"):
        answer = server.http.get(f"models/damaged/1/{route}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "blob_damaged")
    assert not (tmp_path / "got.pt").exists()
    assert client.models.register(tmp_path / "m.pt", "damaged").version == 1
    assert client.models.download("damaged", tmp_path / "got.pt").read_bytes() == b"good" * 500_000


def test_of_two_promotions_at_once_one_wins(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_text("m")
    for number in range(5):
        client.models.register(tmp_path / "m.pt", "raced", tags=[str(number)])
    wanted = [{"version": number, "alias": "release", "replaces": 0} for number in range(1, 6)]
    with ThreadPoolExecutor(5) as people:
        answers = list(people.map(lambda body: server.http.post("models/raced/promote", json=body), wanted))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    winner = next(answer.json()["version"] for answer in answers if answer.status_code == 200)
    assert client.models.show("raced").aliases == {"release": winner}
    assert {answer.json()["error"]["code"] for answer in answers if answer.status_code == 409} == {AliasMoved.code}


def test_whoever_watches_is_told(server: JupyterServer, client: Client, tmp_path: Path) -> None:
    (tmp_path / "m.pt").write_text("m")
    with server.http.stream("GET", "stream", params={"watch": "models"}) as response:
        frames = (json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: "))
        first = next(frames)
        client.models.register(tmp_path / "m.pt", "watched")
        assert next(frame for frame in frames if frame["type"] == "models")["revision"] == first["revision"] + 1


def test_a_disk_that_is_full_keeps_nothing_by_halves(
    small_disk: Path, make_server: Callable[..., JupyterServer], tmp_path: Path
) -> None:
    server = make_server()
    server.home = small_disk / "home"
    server.env["GPURUN_HOME"] = str(server.home)
    client = Client(server.start().url, TOKEN)
    (tmp_path / "big").mkdir()
    for number in range(3):
        (tmp_path / "big" / f"{number}.pt").write_bytes(bytes([number]) * (1 << 20))
    (tmp_path / "huge.pt").write_bytes(b"x" * (17 << 20))  # from 16 MB on a file travels alone
    for what in ("big", "huge.pt"):
        error = refused(lambda what=what: client.models.register(tmp_path / what, "full"))
        assert (type(error), "Make room" in error.hint) == (StorageFull, True)
    assert client.models.list() == []
    assert list((server.home / "blobs").glob(".upload-*")) == []
    shutil.rmtree(server.home / "blobs")
    (server.home / "blobs").mkdir()
    run = client.submit("open('big.pt', 'wb').write(bytes(1 << 20))").wait()
    filler = small_disk / "filler"
    subprocess.run(["dd", "if=/dev/zero", f"of={filler}", "bs=4096"], stderr=subprocess.DEVNULL)
    assert isinstance(refused(lambda: client.models.register("big.pt", "full", run=run.id)), StorageFull)
    assert list((server.home / "blobs").glob(".upload-*")) == []
    filler.unlink()
    wait_until(lambda: client.models.list() == [])
    assert client.models.register("big.pt", "full", run=run.id).size_bytes == 1 << 20
    assert hashlib.sha256(server.http.get("models/full/1/files/big.pt").content).hexdigest() in blobs(server)


def test_the_verbs(client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.pt").write_text("m")
    monkeypatch.chdir(tmp_path)

    def gpurun(*args: str, code: int = 0) -> str:
        out = io.StringIO()
        assert carried_out(["models", *args], Invocation(TerminalScreen(out, out), lambda: client)) == code, args
        return out.getvalue()

    assert gpurun("register", "m.pt", "--name", "spoken", "--metric", "acc=0.9").startswith("spoken v1: 1 file, 1 B")
    gpurun("register", "--path", "m.pt", "--name", "spoken", "--metric", "acc=0.95", "--tag", "x", "--alias", "dev")
    assert "release is v1" in gpurun("promote", "spoken", "1")
    assert "dev=v2 release=v1" in gpurun("list")
    assert json.loads(gpurun("list", "--json"))[0]["name"]
    assert "acc 0.95" in gpurun("show", "spoken")
    assert json.loads(gpurun("show", "spoken", "dev", "--json"))["version"] == 2
    assert "m.pt" in gpurun("show", "spoken", "v1")
    assert "0.95" in gpurun("compare", "spoken", "1", "2")
    assert "release" in gpurun("delete", "spoken", "1", code=2)
    gpurun("promote", "spoken", "--remove", "release")
    assert "v1 is archived" in gpurun("archive", "spoken", "1")
    assert "archived" in gpurun("promote", "spoken", "1", code=2)
    gpurun("archive", "spoken", "1", "--ready")
    assert gpurun("download", "spoken", "1", "--to", "got.pt").strip() == "got.pt"
    assert (tmp_path / "got.pt").read_text() == "m"
    for wrong in (
        ["register", "m.pt", "--name", "a/b"],
        ["register", "--name", "x"],
        ["promote", "spoken"],
        ["delete", "spoken"],
    ):
        gpurun(*wrong, code=2)
    assert "deleted spoken" in gpurun("delete", "spoken", "--all")
    assert "no model 'spoken'" in gpurun("show", "spoken", code=2)
