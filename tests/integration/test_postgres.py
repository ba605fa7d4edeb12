"""The queue on a real PostgreSQL: a smoke test on a cluster of its own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import sqlalchemy as sa
from postgres import Cluster
from receivers import Webhook
from servers import TOKEN, JupyterServer, wait_until

NUMBERED = "import time\nfor n in range(100):\n    print(n, flush=True)\n    time.sleep(0.05)"


@pytest.fixture(scope="module")
def hook() -> Iterator[Webhook]:
    made = Webhook()
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(cluster: Cluster, hook: Webhook, tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    server = JupyterServer(tmp_path_factory.mktemp("postgres"), migrated=False)
    server.env["GPURUN_DB"] = cluster.url
    entry = {"url": hook.url("/"), "projects": ["noticed"]}
    (server.folder / "config" / "jupyter_server_config.py").write_text(f"c.GpurunApp.notices = {entry!r}\n")
    yield server.start()
    server.close()


def test_a_cell_runs(server: JupyterServer) -> None:
    run = server.wait(server.submit("print(6 * 7)"))
    assert (run["outcome"], server.log(run["id"])) == ("succeeded", "42\n")
    assert server.http.get("status").json()["database"].startswith("postgresql")
    assert not (server.home / "gpurun.db").exists()


def test_what_is_no_number_is_never_best_and_sorts_last(server: JupyterServer) -> None:
    code = (
        "import os\nfrom gpurun_jupyter import report\nfor acc in (.95, float(os.environ['ACC'])): report.log(acc=acc)"
    )
    ids = {acc: server.submit(code, name=acc, project="nanp", gpu=0, env={"ACC": acc}) for acc in ("0.9", "nan", "inf")}
    for run_id in ids.values():
        assert server.wait(run_id)["outcome"] == "succeeded"

    def names(**asked: Any) -> list[str]:
        return [run["name"] for run in server.http.get("runs", params={"project": "nanp", **asked}).json()["runs"]]

    assert (names(where="acc > 0.1"), names(where="acc != 7"), names(where="acc.max > 0.94")) == (
        ["0.9"],
        ["0.9"],
        ["inf", "nan", "0.9"],
    )
    assert names(sort="acc", offset=0) == names(sort="-acc", offset=0) == ["0.9", "inf", "nan"]
    assert server.run(ids["nan"])["metrics"]["acc"]["last"] == "NaN"
    listed = server.http.get("runs", params={"project": "nanp", "metrics": "acc", "offset": 0}).json()["runs"]
    assert [run["metrics"]["acc"]["last"] for run in listed] == ["Infinity", "NaN", 0.9]


def test_a_queue_is_worked_off_in_its_order(server: JupyterServer) -> None:
    ids = [server.submit(f"print({n})", priority=-n, after=[]) for n in range(5)]
    runs = [server.wait(run_id) for run_id in ids]
    assert [run["outcome"] for run in runs] == ["succeeded"] * 5
    assert [server.log(run_id) for run_id in ids] == [f"{n}\n" for n in range(5)]
    assert len({run["revision"] for run in runs}) == 5


def test_runs_are_found_by_conditions_and_sorted(server: JupyterServer) -> None:
    code = "from gpurun_jupyter import report\nreport.log(acc={})"
    ids = [server.submit(code.format(acc), env={"LR": lr}) for acc, lr in ((0.2, "0.1"), (0.9, "auto"), (0.5, "1e-1"))]
    for run_id in ids:
        server.wait(run_id)

    def found(**asked: str) -> list[int]:
        page = server.http.get("runs", params={**asked, "project": "default", "offset": "0"}).json()
        assert page["total"] == len(page["runs"])
        return [ids.index(run["id"]) for run in page["runs"]]

    assert found(where="acc > 0.3 and state = succeeded", sort="acc") == [2, 1]
    assert found(where="LR = 0.1", sort="-acc") == [2, 0]
    assert found(where="LR ~ AUT or acc.max < 0.3", sort="LR") == [0, 1]
    assert found(where="not acc > 0.3 and acc >= 0") == [0]


def test_metrics_and_notices_read_the_history(server: JupyterServer, hook: Webhook) -> None:
    server.wait(server.submit("1 / 0", name="bad", project="noticed"))
    wait_until(lambda: hook.titles("/") == ["Run bad: failed"], what="for the notice")
    url, headers = f"{server.url}metrics", {"Authorization": f"token {TOKEN}"}
    assert 'gpurun_runs_finished_total{outcome="failed"} 1.0' in httpx.get(url, headers=headers).text


def test_one_submission_sent_many_times_at_once_is_one_run(server: JupyterServer) -> None:
    def send(_: int) -> str:
        answer = server.http.post("runs", json={"code": "print('once')"}, headers={"Idempotency-Key": "the same"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    with ThreadPoolExecutor(8) as senders:
        (run_id,) = set(senders.map(send, range(16)))
    assert server.wait(run_id)["outcome"] == "succeeded"


def test_of_two_promotions_at_once_one_wins(server: JupyterServer) -> None:
    code = "from gpurun_jupyter import report\nopen('m', 'w').write('{n}')\nreport.save_model('m', name='raced')"
    for n in range(4):
        assert server.wait(server.submit(code.format(n=n)))["outcome"] == "succeeded"
    wanted = [{"version": number, "replaces": 0} for number in range(1, 5)]
    with ThreadPoolExecutor(4) as people:
        answers = list(people.map(lambda body: server.http.post("models/raced/promote", json=body), wanted))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    winner = next(answer.json()["version"] for answer in answers if answer.status_code == 200)
    (model,) = server.http.get("models").json()["models"]
    assert (model["aliases"], model["versions"]) == ({"release": winner}, 4)


def test_a_failure_is_tried_again_and_ends_what_was_to_come_after(server: JupyterServer) -> None:
    first = server.submit("1 / 0", retries=1)
    second = server.submit("1", after=[first])
    assert (server.wait(first)["outcome"], server.run(first)["attempt"]) == ("failed", 2)
    assert server.wait(second)["reason"] == "predecessor_failed"


def test_a_run_goes_on_while_the_killed_server_is_away(server: JupyterServer) -> None:
    run_id, behind = server.submit(NUMBERED), server.submit("print('behind')")
    wait_until(lambda: server.log(run_id).count("\n") > 5)
    server.kill()
    wait_until((server.home / "runs" / behind / "attempts" / "1" / "exit.json").exists, 30)
    server.start()
    assert server.wait(run_id)["outcome"] == server.wait(behind)["outcome"] == "succeeded"
    assert server.log(run_id).split() == [str(n) for n in range(100)]


def test_a_run_goes_on_while_the_database_is_away(server: JupyterServer, cluster: Cluster) -> None:
    run_id = server.submit(NUMBERED)
    wait_until(lambda: server.log(run_id).count("\n") > 5)
    agent = server.agent()
    cluster.stop()
    for answer in (server.http.get("status"), server.http.get("runs"), server.http.post("runs", json={"code": "1"})):
        assert answer.status_code == 503, answer.text
        error = answer.json()["error"]
        assert (error["code"], bool(error["hint"])) == ("storage_unusable", True)
        assert "does not answer" in error["message"]
    assert server.http.get("no/such/route").status_code == 404
    cluster.start()
    wait_until(lambda: server.http.get("status").status_code == 200)
    assert server.wait(run_id)["outcome"] == "succeeded"
    assert server.log(run_id).split() == [str(n) for n in range(100)]
    assert server.agent() == agent
    assert server.wait(server.submit("1"))["outcome"] == "succeeded"


def test_a_killed_agent_finds_its_run_again(server: JupyterServer) -> None:
    run_id = server.submit(NUMBERED)
    wait_until(lambda: server.log(run_id).count("\n") > 5)
    server.end_agent(signal.SIGKILL)
    assert server.wait(run_id)["outcome"] == "succeeded"
    assert server.log(run_id).split() == [str(n) for n in range(100)]


def test_a_server_that_starts_before_its_database_waits_for_it(
    server: JupyterServer, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.stop()
    cluster.stop()
    with monkeypatch.context() as patch:
        patch.setattr(server, "_answers", lambda: _refuses(server))
        server.start()
    assert "does not answer" in server.http.get("runs").json()["error"]["message"]
    cluster.start()
    wait_until(lambda: server.http.get("status").status_code == 200)
    assert server.wait(server.submit("1"))["outcome"] == "succeeded"


def _refuses(server: JupyterServer) -> bool:
    try:
        return server.http.get("status").status_code == 503
    except httpx.TransportError:
        return False


def test_no_password_is_seen_in_command_lines_nor_by_runs(cluster: Cluster, tmp_path: Path) -> None:
    password = "s3cretPGpw"
    server = JupyterServer(tmp_path, migrated=False)
    trusted = cluster.database("guarded")  # whatever the password
    server.env["GPURUN_DB"] = trusted.replace("gpurun@", f"gpurun:{password}@")
    lines: list[str] = []
    done = threading.Event()
    watching = threading.Thread(target=_watch_command_lines, args=(lines, done))
    watching.start()
    try:
        server.start()
        parent = "open(f'/proc/{os.getppid()}/environ').read()"
        look = f"import os\nprint('ENV', dict(os.environ), {parent})"
        cell = server.submit(look)
        assert server.wait(cell)["outcome"] == "succeeded"
        script = server.http.post("runs/zip", files={"file": ("main.py", look.encode())}).json()["id"]
        assert server.wait(script)["outcome"] == "succeeded"
        for run_id in (cell, script):
            assert "ENV" in server.log(run_id)
            assert password not in server.log(run_id)
            assert "GPURUN_DB" not in server.log(run_id)
    finally:
        done.set()
        watching.join()
        server.close()
    assert any("gpurun_server agent" in line for line in lines)
    assert not [line for line in lines if password in line]
    said = (tmp_path / "server.log").read_text() + (server.home / "agent.log").read_text()
    assert password not in said


def _watch_command_lines(lines: list[str], done: threading.Event) -> None:
    """Every command line that is there, again and again, as `ps` shows them to everybody."""
    while not done.is_set():
        lines += [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]


def test_a_dropped_table_is_a_sentence(server: JupyterServer, cluster: Cluster) -> None:
    with sa.create_engine(cluster.url).begin() as conn:
        conn.exec_driver_sql("DROP TABLE models CASCADE")
    answer = server.http.get("models")
    assert answer.status_code == 503, answer.text
    assert "lost tables" in answer.json()["error"]["message"]
    assert "gpurun reindex" in answer.json()["error"]["hint"]
    with sa.create_engine(cluster.url).begin() as conn:
        conn.exec_driver_sql("DROP SCHEMA public CASCADE")
    wait_until(lambda: "lost tables" in server.http.get("runs").text)
    assert server.http.post("runs", json={"code": "1"}).status_code == 503
