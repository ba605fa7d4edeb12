"""What is done with runs that are over: run again, deleted and restored, their files, the numbers of all of them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from servers import TOKEN, JupyterServer

from gpurun_jupyter.client import Client
from gpurun_jupyter.core.errors import FileMissing, InvalidRequest, RunNotFound, WrongState
from gpurun_jupyter.core.home import Home
from gpurun_server.queue.upkeep import deletion
from gpurun_server.store.database import Database

LEAVE = """
import os, pathlib
pathlib.Path("out").mkdir()
pathlib.Path("out/a b.txt").write_text("left")
os.symlink("/etc/passwd", "out/link")
pathlib.Path(os.environ["GPURUN_CHECKPOINT_DIR"], "ck.pt").write_bytes(b"x" * 3_000_000)
print(os.environ.get("LR"))
"""


@pytest.fixture
def client(server: JupyterServer) -> Client:
    return Client(server.url, TOKEN)


def test_files_are_listed_and_downloaded(client: Client, tmp_path: Path) -> None:
    run = client.submit(LEAVE).wait()
    assert {file.path: file.size for file in run.files()} == {"out/a b.txt": 4, "checkpoints/ck.pt": 3_000_000}
    assert run.download("out/a b.txt", tmp_path).read_text() == "left"
    assert run.download("checkpoints/ck.pt", tmp_path / "mine.pt").stat().st_size == 3_000_000
    for path in ("absent", "out", "out/link", "..%2f..%2frun.json", "/etc/passwd"):
        with pytest.raises(FileMissing):
            run.download(path, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a b.txt", "mine.pt"]


def test_a_file_of_a_run_is_never_a_page_of_the_server(server: JupyterServer, client: Client) -> None:
    run = client.submit("open('page.html', 'w').write('<script>alert(1)</script>')").wait()
    answer = server.http.get(f"runs/{run.id}/files/page.html")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_run_is_run_again_as_it_was_or_changed(server: JupyterServer, client: Client) -> None:
    first = client.submit(LEAVE, name="again", env={"LR": "1", "SEED": "2"}, tags=["x"], priority=3).wait()
    same, other = first.rerun().wait(), first.rerun(env={"LR": "0.5"}, name="changed", priority=None).wait()
    assert [run.logs() for run in (first, same, other)] == ["1\n", "1\n", "0.5\n"]
    assert (same.name, same.record.rerun_of, same.record.tags) == ("again", first.id, ["x"])
    assert (other.name, other.record.priority, other.record.rerun_of) == ("changed", 0, first.id)
    assert client.get(other.id).record.spec.env == {"LR": "0.5", "SEED": "2"}
    for changes in ({"gpus": 2}, {"gpu": "many"}, {"code": " "}, {"env": {"A-B": "1"}}):
        with pytest.raises(InvalidRequest):
            first.rerun(**changes)


def test_what_a_run_waited_for_is_not_waited_for_again(client: Client) -> None:
    before = client.submit("1").wait()
    after = client.submit("2", after=[before.id], hold=True).start().wait()
    again = after.rerun()
    assert again.wait().record.spec is None or again.record.outcome == "succeeded"
    assert client.get(again.id).record.spec.after == []


def test_a_deleted_run_is_hidden_and_can_be_restored(server: JupyterServer, client: Client) -> None:
    run = client.submit("print('kept')", name="thrown away").wait()
    run.delete()
    assert run.id not in [one.id for one in client.runs()]
    for reference in (run.id, run.id[:6], "thrown away"):
        with pytest.raises(RunNotFound):
            client.get(reference)
    assert client.restore(run.id).logs() == "kept\n"
    assert run.id in [one.id for one in client.runs()]


def test_those_who_watch_are_told_of_a_deletion(client: Client) -> None:
    run = client.submit("1").wait()
    with run.changes() as live:
        frames = live.frames()
        while not hasattr(next(frames), "runs"):
            pass
        run.delete()
        told = next(frame for frame in frames if hasattr(frame, "runs"))
    assert [(one.id, one.deleted) for one in told.runs] == [(run.id, True)]


def test_a_run_that_goes_on_is_not_deleted(client: Client) -> None:
    run = client.submit("import time; time.sleep(60)")
    with pytest.raises(WrongState, match="Cancel it first"):
        run.delete()
    run.cancel(kill=True).wait()
    run.delete()


def test_what_was_deleted_long_ago_is_gone_with_its_files(
    server: JupyterServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = client.submit("1").wait()
    behind = client.submit("2", after=[run.id]).wait()
    run.delete()
    database = Database(Home(server.home))
    with database.write() as writing:
        assert run.id not in deletion.purge(writing)  # others may be: this server is shared, and has been up for long
    long_ago = time.time() + deletion.UNDO_S + 1
    monkeypatch.setattr(deletion.time, "time", lambda: long_ago)
    with database.write() as writing:
        assert run.id in deletion.purge(writing)
    monkeypatch.undo()
    database.close()
    with pytest.raises(RunNotFound, match="ten minutes"):
        client.restore(run.id)
    assert client.get(behind.id).history()


def test_projects_statistics_and_agents(client: Client) -> None:
    for code in ("1", "1 / 0"):
        client.submit(code, project="counted").wait()
    project = next(one for one in client.projects() if one["name"] == "counted")
    assert (project["runs"], project["outcomes"]) == (2, {"succeeded": 1, "failed": 1})
    stats = client.stats()
    assert stats["outcomes"]["failed"] >= 1
    assert stats["mean_duration_s"]["cell"] > 0
    assert sum(use["runs"] for use in stats["devices"]) >= 2
    (agent,) = client.agents()
    assert (agent["health"], agent["gpus"], agent["cpu_slots"]) == ("healthy", 0, 2)
