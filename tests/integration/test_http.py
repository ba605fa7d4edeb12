"""The HTTP interface: who is let in, what is refused and how, and that openapi.json tells the truth."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from servers import TOKEN, JupyterServer

NO_TOKEN: dict[str, str] = {}


def routes(server: JupyterServer) -> list[tuple[str, str]]:
    paths = server.http.get("openapi.json").json()["paths"]
    examples = {"{id}": "last", "{number}": "1", "{earlier}": "1", "{digest}": "0" * 64}
    found = [(method, path.lstrip("/")) for path, methods in paths.items() for method in methods]
    return [(method, re.sub(r"{\w+}", lambda name: examples.get(name[0], name[0]), path)) for method, path in found]


def is_of_agents(path: str) -> bool:
    """Agents of other machines show keys, and no cookie counts."""
    return path.startswith(("agents/attempts/", "agents/sync", "agents/work", "agents/join"))


def test_openapi_describes_every_route_that_answers(server: JupyterServer) -> None:
    document = server.http.get("openapi.json").json()
    assert document["openapi"].startswith("3.1")
    server.submit("1")
    assert {"/runs", "/runs/zip", "/runs/{id}", "/devices", "/status", "/stream"} <= set(document["paths"])
    for method, path in routes(server):
        if path != "stream":
            answer = server.http.request(method, path, headers={"Accept": "application/json"})
            assert answer.status_code not in (405, 500), (method, path, answer.text)
            assert '"code":"route_missing"' not in answer.text, (method, path)
    refs = set(re.findall(r"#/components/schemas/(\w+)", server.http.get("openapi.json").text))
    assert refs <= set(document["components"]["schemas"])


def test_every_route_refuses_a_request_without_a_token(server: JupyterServer) -> None:
    with httpx.Client(base_url=str(server.http.base_url)) as stranger:
        for method, path in [*routes(server), ("get", "stream/ws"), ("get", "nothing")]:
            answer = stranger.request(method, path)
            assert answer.status_code in (401, 403), (method, path, answer.status_code)
            if path != "stream/ws":
                assert answer.json()["error"]["code"] == ("not_joined" if is_of_agents(path) else "not_allowed")


def test_a_foreign_page_with_the_cookie_changes_nothing(server: JupyterServer) -> None:
    """XSRF: the browser sends the cookie along, but the page cannot read it to repeat it in a header."""
    with httpx.Client(base_url=server.url) as browser:
        browser.get("tree", params={"token": TOKEN}, follow_redirects=True)
        browser.get("api/contents")
        assert any(name.startswith("username-") for name in browser.cookies)
        assert browser.get("gpurun/api/v1/runs").status_code == 200  # the cookie is good
        changing = [(method, path) for method, path in routes(server) if method != "get"]
        assert len(changing) >= 3
        for method, path in changing:
            foreign = {"Origin": "http://evil.example", "Referer": "http://evil.example/page"}
            answer = browser.request(method, f"gpurun/api/v1/{path}", headers=foreign, json={"code": "1"})
            assert answer.status_code == (401 if is_of_agents(path) else 403), (method, path)
        own = {"X-XSRFToken": browser.cookies["_xsrf"]}
        assert browser.post("gpurun/api/v1/runs", json={"code": "1"}, headers=own).status_code == 201


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{bad", "JSON is malformed"),
        (b"[]", "Expected `object`"),
        (b"{}", "nothing to run"),
        (b'{"code": "  "}', "empty"),
        (b'{"code": 5}', "$.code"),
        (b'{"code": "1", "gpu": -1}', "$.gpu"),
        (b'{"code": "1", "gpu": "many"}', "$.gpu"),
        (b'{"code": "1", "gpu": 1.5}', "$.gpu"),
        (b'{"code": "1", "timeout": 0}', "$.timeout"),
        (b'{"code": "1", "timeout": -3}', "$.timeout"),
        (b'{"code": "1", "name": ""}', "$.name"),
        (b'{"code": "1", "name": "a/../b"}', "$.name"),
        (b'{"code": "1", "priority": 1e9}', "$.priority"),
        (b'{"code": "1", "gpus": 1}', "gpus"),
        (b'{"code": "1", "env": {"A=B": "1"}}', "environment variable"),
        (b'{"code": "1", "env": {"A": 1}}', "$.env"),
        (b'{"code": "1", "dir": {"manifest": "../../etc/passwd"}}', "$.dir.manifest"),
        (b'{"code": "1", "data": [{"name": "x", "path": "../y"}]}', "cannot be at '../y'"),
        (b"\xff\xfe", "malformed"),
    ],
)
def test_bad_submissions_are_refused_with_the_place(server: JupyterServer, body: bytes, words: str) -> None:
    answer = server.http.post("runs", content=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["code"] == "invalid_request"
    assert words in error["message"]
    assert error["hint"]


def test_more_gpus_than_there_are(server: JupyterServer) -> None:
    answer = server.http.post("runs", json={"code": "1", "gpu": 3})
    assert answer.status_code == 409
    error = answer.json()["error"]
    assert error["code"] == "no_such_devices"
    assert "No agent has 3 GPUs on one machine" in error["message"]
    assert "has no GPUs" in error["message"]
    assert "--wait-for-device" in error["hint"]


def test_the_same_idempotency_key_is_the_same_run(server: JupyterServer) -> None:
    key = {"Idempotency-Key": "0b2c"}
    first, second = (server.http.post("runs", json={"code": "1"}, headers=key).json() for _ in range(2))
    other = server.http.post("runs", json={"code": "1"}, headers={"Idempotency-Key": "0b2d"}).json()
    assert first["id"] == second["id"] != other["id"]


def test_references_by_id_prefix_name_and_last(server: JupyterServer) -> None:
    older = server.submit("1", name="twice")
    newer = server.submit("1", name="twice")
    for reference in (newer, newer[:6], "twice", "last"):
        assert server.run(reference)["id"] == newer
    assert server.run(older)["id"] == older
    missing = server.http.get("runs/zzzzzzzzz")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "run_not_found")
    assert server.http.get("runs/..%2F..%2Fetc").status_code == 404


def test_lists_are_filtered_and_paged(server: JupyterServer) -> None:
    made = [server.submit("1", project="paging", name=f"page-{number}") for number in range(3)]
    for run_id in made:
        server.wait(run_id)
    first = server.http.get("runs", params={"project": "paging", "limit": 2}).json()
    rest = server.http.get("runs", params={"project": "paging", "limit": 2, "cursor": first["next"]}).json()
    assert [run["id"] for run in first["runs"] + rest["runs"]] == made[::-1]
    assert rest["next"] is None
    found = server.http.get("runs", params={"q": "page-1", "state": "finished", "outcome": "succeeded"}).json()
    assert [run["id"] for run in found["runs"]] == [made[1]]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=many", "limit=100000", "state=sleeping", "colour=red", "cursor=x", "outcome=maybe"]
)
def test_bad_filters_are_refused(server: JupyterServer, query: str) -> None:
    assert server.http.get(f"runs?{query}").status_code == 400


def test_an_unknown_path_is_a_json_404(server: JupyterServer) -> None:
    answer = server.http.get("nothing/here")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "route_missing")


def test_status_and_devices(server: JupyterServer) -> None:
    status: dict[str, Any] = server.http.get("status").json()
    assert status["home"] == str(server.home)
    assert status["disk_free_bytes"] > 0
    agents = server.http.get("devices").json()["agents"]
    assert [agent["health"] for agent in agents] == ["healthy"]
    assert [device["id"] for device in agents[0]["devices"] if device["kind"] == "cpu"] == ["cpu0", "cpu1"]


def test_a_method_that_a_route_has_not_is_answered_with_those_it_has(server: JupyterServer) -> None:
    for method, path, allowed in (("PUT", "runs", {"GET", "POST"}), ("GET", "runs/zip", {"POST"})):
        answer = server.http.request(method, path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (405, "http_error")
        assert set(answer.headers["Allow"].split(", ")) == allowed


def test_what_is_empty_is_of_its_own_type(server: JupyterServer) -> None:
    run_id = server.submit("1", hold=True)
    kinds = {
        f"runs/{run_id}/log": "text/plain",
        f"runs/{run_id}/log?tail=3": "text/plain",
        f"runs/{run_id}/log?lines=3": "text/plain",
        f"runs/{run_id}/events": "application/x-ndjson",
        "runs.csv?project=nobodys": "text/csv",
        "runs/nobody/log": "application/json",
    }
    for path, kind in kinds.items():
        assert server.http.get(path).headers["Content-Type"].startswith(kind), path


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("bytes=0-3", 206, b"0123"),
        ("bytes=8-", 206, b"89"),
        ("bytes=-3", 206, b"789"),
        ("bytes=-30", 206, b"0123456789"),
        ("bytes=5-500", 206, b"56789"),
        ("bytes=10-", 416, b""),
        ("bytes=-0", 416, b""),
        ("bytes=3-2", 200, b"0123456789"),
        ("bytes=-", 200, b"0123456789"),
        ("bytes=0-1,3-4", 200, b"0123456789"),
        ("lines=0-1", 200, b"0123456789"),
        ("bytes=" + "9" * 50 + "-", 200, b"0123456789"),
    ],
)
def test_parts_of_files(server: JupyterServer, asked: str, status: int, expected: bytes) -> None:
    run_id = server.submit("open('digits', 'w').write('0123456789')", name="digits")
    server.wait(run_id)
    path = f"runs/{run_id}/files/digits"
    answer = server.http.get(path, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (status, expected)
    etag = answer.headers["ETag"]
    if status == 206:
        assert answer.headers["Content-Range"].endswith("/10")
        assert server.http.get(path, headers={"Range": asked, "If-Range": etag}).status_code == 206
        assert server.http.get(path, headers={"Range": asked, "If-Range": '"another"'}).content == b"0123456789"
    if status == 416:
        assert answer.headers["Content-Range"] == "bytes */10"


def test_openapi_says_what_answers_there_are_and_what_is_needed(server: JupyterServer) -> None:
    document = server.http.get("openapi.json").json()
    assert {"200", "201"} <= set(document["paths"]["/models"]["post"]["responses"])
    needed = {one["name"]: one for one in document["paths"]["/compare"]["get"]["parameters"]}
    assert needed["run"]["required"]
    assert needed["run"]["schema"]["minItems"] == 2
    assert not needed["all"]["required"]
    patterns = set(re.findall(r'"pattern":"((?:[^"\\]|\\.)*)"', server.http.get("openapi.json").text))
    assert patterns
    assert not any("ud800" in pattern for pattern in patterns)
