"""What agents are refused: nothing has changed afterwards, and the server's log has a line about each."""

from __future__ import annotations

import gzip
import hashlib
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest
from played_agent import PlayedAgent, bearer
from servers import JupyterServer

from gpurun_jupyter.core.events import End, Model, Output, Sample, encode_line
from gpurun_jupyter.core.grants import Ended, LogPiece
from gpurun_jupyter.core.home import Home
from gpurun_jupyter.core.lifecycle import Outcome, Reason

LINE = encode_line(Output(stream="stdout", text="hello\n"))
FOREIGN_PATHS = (
    "../../../../gpurun.db",
    "/etc/passwd",
    "work/../../2/work/x",
    "events.jsonl",
    "grant.json",
    "work",
    "./outputs/x/../..",
    f"blobs/00/{'0' * 64}",
)


@pytest.fixture(scope="module")
def anna(far_server: JupyterServer) -> Iterator[PlayedAgent]:
    agent = PlayedAgent(far_server, "anna")
    agent.take()
    yield agent
    agent.http.close()


@pytest.fixture(scope="module")
def bert(far_server: JupyterServer) -> Iterator[PlayedAgent]:
    agent = PlayedAgent(far_server, "bert")
    agent.take()
    yield agent
    agent.http.close()


@pytest.fixture
def refused(far_server: JupyterServer, anna: PlayedAgent, bert: PlayedAgent) -> Callable[[httpx.Response, str], None]:
    """Checks a refusal: its code, that no file and no attempt has changed, and that the server's log has a line."""
    before, said = _state(far_server), len(_log(far_server))

    def check(answer: httpx.Response, code: str) -> None:
        assert answer.status_code in (400, 401, 404, 409, 422), answer.text
        assert answer.json()["error"]["code"] == code
        assert _state(far_server) == before
        assert "refused" in _log(far_server)[said:]

    return check


def test_a_joining_token_is_good_once(far_server: JupyterServer, refused: Any) -> None:
    token = far_server.http.post("agents/invite").json()["token"]
    with httpx.Client(base_url=str(far_server.http.base_url)) as http:
        body = {"host": "desk", "version": "1"}
        refused(http.post("agents/join", json=body, headers=bearer(token[:-1])), "not_joined")
        refused(http.post("agents/join", json=body), "not_joined")
        assert http.post("agents/join", json=body, headers=bearer(token)).status_code == 201
        again = http.post("agents/join", json=body, headers=bearer(token))
        assert (again.status_code, again.json()["error"]["code"]) == (401, "not_joined")


def test_an_expired_token_lets_nobody_join(far_server: JupyterServer, refused: Any) -> None:
    token = far_server.http.post("agents/invite").json()["token"]
    with sqlite3.connect(far_server.home / "gpurun.db") as database:
        database.execute("UPDATE join_tokens SET expires_at = 1")
    answer = httpx.post(
        f"{far_server.http.base_url}agents/join", json={"host": "h", "version": "1"}, headers=bearer(token)
    )
    refused(answer, "not_joined")


def test_secrets_are_kept_as_hashes(far_server: JupyterServer, anna: PlayedAgent) -> None:
    token = far_server.http.post("agents/invite").json()["token"]
    with sqlite3.connect(far_server.home / "gpurun.db") as database:
        dump = "\n".join(database.iterdump())
    assert anna.key not in dump
    assert token not in dump
    assert hashlib.sha256(token.encode()).hexdigest() in dump


def test_jupyters_own_token_is_no_key(far_server: JupyterServer, refused: Any) -> None:
    refused(far_server.http.post("agents/sync", json={}), "not_joined")
    with httpx.Client(base_url=str(far_server.http.base_url)) as http:
        refused(http.get("agents/work", headers=bearer("forged")), "not_joined")


def test_a_revoked_key(far_server: JupyterServer) -> None:
    carla = PlayedAgent(far_server, "carla")
    assert carla.sync().status_code == 200
    assert "carla" in [one["id"] for one in far_server.http.get("agents").json()["agents"]]
    assert far_server.http.post("agents/carla/revoke").json() == {"revoked": "carla"}
    assert carla.sync().json()["error"]["code"] == "revoked"
    assert "carla" not in [one["id"] for one in far_server.http.get("agents").json()["agents"]]
    assert far_server.http.post("agents/carla/revoke").json()["error"]["code"] == "agent_not_found"
    carla.http.close()


def test_the_name_of_another(refused: Any, anna: PlayedAgent) -> None:
    refused(anna.sync("bert"), "not_held")


def test_the_end_of_anothers_attempt(refused: Any, anna: PlayedAgent, bert: PlayedAgent) -> None:
    assert bert.grant is not None
    end = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)
    refused(anna.sync(ended=[Ended(bert.grant.run_id, bert.grant.attempt, end)]), "not_held")


@pytest.mark.parametrize("run_id", ["../../etc", "..", "a/b", ""])
def test_an_end_of_what_can_be_no_run(refused: Any, anna: PlayedAgent, run_id: str) -> None:
    end = End(outcome=Outcome.SUCCEEDED, reason=Reason.COMPLETED)
    refused(anna.sync(ended=[Ended(run_id, 1, end)]), "invalid_request")


@pytest.mark.parametrize("key", ["r1", "r1/x", "../1", "r1/-1", "r1/1\n"])
def test_holding_what_can_be_no_attempt(refused: Any, anna: PlayedAgent, key: str) -> None:
    refused(anna.sync(holding=[key]), "invalid_request")


def test_anothers_attempt(refused: Any, anna: PlayedAgent, bert: PlayedAgent) -> None:
    own, others = anna.grant, bert.grant
    try:
        anna.grant = others
        refused(anna.ask("POST", "log?offset=0", content=LINE), "not_held")
        refused(anna.ask("POST", "files/place", json={"files": []}), "not_held")
        refused(anna.ask("GET", "checkpoints"), "not_held")
    finally:
        anna.grant = own
    refused(anna.ask("POST", "log?offset=0", content=LINE, token="forged"), "not_held")


def test_a_report_takes_along_only_what_belongs_to_its_agent(
    far_server: JupyterServer, anna: PlayedAgent, bert: PlayedAgent
) -> None:
    piece = _sample_of(bert)
    kept, said = _state(far_server), len(_log(far_server))
    for forged in (piece, msgspec.structs.replace(_sample_of(anna), token="forged")):
        answer = anna.sync(holding=_holding(anna), samples=[forged])
        assert (answer.status_code, answer.json().get("lengths", {})) == (200, {})
    assert _state(far_server) == kept
    assert _log(far_server)[said:].count("refused a piece of a log from agent anna") == 2
    size = len(piece.lines)
    for _ in range(2):  # the answer to the first was lost
        assert bert.sync(holding=_holding(bert), samples=[piece]).json()["lengths"] == {_holding(bert)[0]: size}
    log = Home(far_server.home).attempt(piece.run_id, piece.attempt).events
    assert log.read_text() == piece.lines


def test_a_wrong_offset_says_the_right_one(refused: Any, anna: PlayedAgent, far_server: JupyterServer) -> None:
    answer = anna.ask("POST", "log?offset=7", content=LINE)
    refused(answer, "wrong_offset")
    assert answer.headers["X-Gpurun-Offset"] == "0"
    assert anna.ask(
        "POST", "log?offset=0", content=gzip.compress(LINE), headers={"Content-Encoding": "gzip"}
    ).is_success
    again = anna.ask("POST", "log?offset=0", content=LINE)
    assert (again.status_code, again.headers["X-Gpurun-Offset"]) == (409, str(len(LINE)))
    assert anna.grant is not None
    assert (far_server.home / "runs" / anna.grant.run_id / "attempts" / "1" / "events.jsonl").read_bytes() == LINE


@pytest.mark.parametrize("path", FOREIGN_PATHS)
def test_a_path_that_leads_elsewhere(refused: Any, anna: PlayedAgent, path: str) -> None:
    file = {"path": path, "size": 1, "digest": hashlib.sha256(b"x").hexdigest(), "modified_at": 1.0}
    refused(anna.ask("POST", "files/missing", json={"files": [file]}), "invalid_request")
    refused(anna.ask("POST", "files/place", json={"files": [file]}), "invalid_request")


def test_bytes_with_another_sha256_get_no_place(anna: PlayedAgent, far_server: JupyterServer) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    assert anna.ask("PUT", f"files/{digest}?offset=0", content=b"trojans").is_success
    file = {"path": "work/model.pt", "size": 7, "digest": digest, "modified_at": 1.0}
    answer = anna.ask("POST", "files/place", json={"files": [file]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "wrong_digest")
    assert anna.ask("POST", "files/missing", json={"files": [file]}).json() == {"have": {digest: 0}}
    assert anna.grant is not None
    assert not (far_server.home / "runs" / anna.grant.run_id / "attempts" / "1" / "work").exists()


def test_a_blob_that_the_run_does_not_need(refused: Any, anna: PlayedAgent, far_server: JupyterServer) -> None:
    digest = hashlib.sha256(b"secret of somebody").hexdigest()
    far_server.http.put(f"blobs/{digest}", content=b"secret of somebody")
    refused(anna.ask("GET", f"blobs/{digest}"), "not_held")
    refused(anna.ask("POST", "blobs", json={"digests": [digest]}), "not_held")


def test_a_model_that_the_log_does_not_name_or_whose_files_are_not_here(refused: Any, anna: PlayedAgent) -> None:
    line = encode_line(Model(name="digits", manifest="0" * 64, files=1, size=1))
    anna.ask("POST", "log?offset=0", content=LINE)  # where no test before has sent it
    refused(anna.ask("POST", "models?offset=0"), "invalid_request")
    refused(anna.ask("POST", "models?offset=1000000"), "invalid_request")
    assert anna.ask("POST", f"log?offset={len(LINE)}", content=line).is_success
    refused_twice = [anna.ask("POST", f"models?offset={len(LINE)}") for _ in range(2)]
    assert [answer.json()["error"]["code"] for answer in refused_twice] == ["not_shipped"] * 2
    assert anna.server.http.get("models/digits").status_code == 404


@pytest.mark.parametrize(("interpreter", "code"), [("0" * 64, "wrong_digest"), ("../server", "invalid_request")])
def test_an_environment_that_is_not_what_it_is_called(
    refused: Any, anna: PlayedAgent, interpreter: str, code: str
) -> None:
    said = {"python": "3.11", "executable": "/usr/bin/python", "packages": {}}
    answer = anna.ask("PUT", "environment", json={"recorded": {"interpreter": interpreter}, "interpreter": said})
    refused(answer, code)


def test_a_bomb_is_not_unpacked(refused: Any, anna: PlayedAgent) -> None:
    bomb = gzip.compress(bytes(64 * 2**20))
    refused(anna.ask("POST", "log?offset=0", content=bomb, headers={"Content-Encoding": "gzip"}), "invalid_request")


def _state(server: JupyterServer) -> dict[str, Any]:
    """The files of all runs, and where each attempt is."""
    files = {str(path): path.stat().st_size for path in (server.home / "runs").rglob("*") if path.is_file()}
    with sqlite3.connect(server.home / "gpurun.db") as database:
        rows = database.execute("SELECT run_id, number, agent_id, ended_at FROM attempts").fetchall()
    return {"files": files, "attempts": sorted(rows)}


def _log(server: JupyterServer) -> str:
    return (server.folder / "server.log").read_text()


def _sample_of(agent: PlayedAgent) -> LogPiece:
    assert agent.grant is not None
    line = encode_line(Sample(rss=1)).decode()
    return LogPiece(agent.grant.run_id, agent.grant.attempt, agent.grant.token, 0, line)


def _holding(agent: PlayedAgent) -> list[str]:
    assert agent.grant is not None
    return [agent.grant.key]
