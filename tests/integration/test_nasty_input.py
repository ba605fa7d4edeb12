"""Whatever is sent, the answer is a sentence: no 5xx, no cut connection, no wait."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any

import httpx
import nasty
import pytest
from servers import TOKEN, JupyterServer

_SLOW_S = 10.0


@pytest.fixture(scope="module")
def run(server: JupyterServer) -> str:
    """A run that `last` may mean."""
    return server.submit("print(1)", hold=True)


def refused(answer: httpx.Response) -> dict[str, str]:
    """The error of an answer that is a refusal."""
    assert 400 <= answer.status_code < 500, (answer.request.url, answer.status_code, answer.text[:500])
    error: dict[str, str] = answer.json()["error"]
    assert error["code"] != "internal_error"
    assert error["message"]
    return error


def send(server: JupyterServer, one: nasty.Request) -> httpx.Response:
    begun = time.monotonic()
    answer = server.http.request(one.method, one.path, params=dict(one.params) or None, content=one.content)
    assert answer.status_code < 500, (one, answer.text[:500])
    assert time.monotonic() - begun < _SLOW_S, one
    if answer.status_code >= 400:
        refused(answer)
    return answer


def test_no_route_meets_its_end_in_nasty_values(server: JupyterServer, run: str) -> None:
    document = server.http.get("openapi.json").json()
    for one in nasty.requests(document, seed=1):
        send(server, one)
    assert server.run(run)["id"] == run


def form(**fields: Any) -> dict[str, Any]:
    return {"data": {"entry": "main.py", "hold": "true", **fields}}


def test_mutated_zips_are_bad_archives(server: JupyterServer) -> None:
    for data in [*nasty.mutated_zips(seed=1, count=150), nasty.misnamed_zip()]:
        for route, fields in (("runs/zip", form()), ("blobs/zip", {})):
            sent = {"files": {"file": ("p.zip", data)}} if fields else {"content": data}
            answer = server.http.post(route, **sent, **fields)
            assert answer.status_code in (201, 400, 404, 422), answer.text
            if answer.status_code != 201:
                refused(answer)


@pytest.mark.parametrize("name", ["values", "notebook", "origin"])
@pytest.mark.parametrize("text", [nasty.DEEP, nasty.deep(100_000), '{"a": ' + nasty.deep(50) + "}", "\udc80"])
def test_form_fields_are_checked(server: JupyterServer, name: str, text: str) -> None:
    sent = {"files": {"file": ("p.zip", nasty.a_zip())}, **form(**{name: text.encode("utf-8", "surrogateescape")})}
    refused(server.http.post("runs/zip", **sent))


@pytest.mark.parametrize(
    "yaml",
    [
        'code: "\\ud800"',
        'code: "1"\nvalues: {"\\ud800": 1}',
        'code: "1"\nvalues: {a: {"\\ud800": 1}}',
        'code: "\\UFFFFFFFF"',
        f'code: "1"\nvalues: {{a: 0x{"f" * 9000}}}',
        f'code: "1"\nvalues: {{a: {"9" * 9000}}}',
        f"%YAML {'9' * 9000}.1\n---\ncode: 1",
        f"entry: {'x' * 5000}",
        f"dir: {'x' * 5000}\nentry: x.py",
        "dir: ~nobody\nentry: x.py",
        '"code\\n": 1',
        'code: "1"\nname: "x\\n"',
        "code: [" * 400,
    ],
)
def test_launch_files_have_problems_with_places(server: JupyterServer, yaml: str) -> None:
    answer = server.http.post("launch/check", json={"yaml": yaml})
    assert answer.status_code == 200, answer.text
    assert answer.json()["problems"]
    refused(server.http.post("launch", json={"yaml": yaml}))


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "x\n"},
        {"project": "x\n"},
        {"tags": ["x\n"]},
        {"session": "x\n"},
        {"kernel": "x\n"},
        {"on": "x\n"},
        {"device": "x\n"},
        {"after": ["last\n"]},
        {"data": [{"name": "x\n"}]},
        {"inputs": {"x": "0" * 64 + "\n"}},
        {"dir": {"manifest": "0" * 64 + "\n"}},
        {"notebook": {"digest": "0" * 64 + "\n"}, "code": None},
        {"env": {"A\n": "1"}},
        {"outputs": ["x\n"]},
        {"values": {"x\n": 1}},
    ],
)
def test_a_newline_at_the_end_is_seen(server: JupyterServer, fields: dict[str, Any]) -> None:
    assert refused(server.http.post("runs", json={"code": "1", **fields}))["code"] == "invalid_request"


def test_digests_and_names_elsewhere_end_where_they_end(server: JupyterServer) -> None:
    digest = "0" * 64 + "\n"
    refused(server.http.post("blobs/missing", json={"blobs": {digest: None}}))
    refused(server.http.put("blobs/" + "0" * 64 + "%0A", content=b""))
    refused(server.http.post("data", json={"name": "x\n", "manifest": "0" * 64}))
    refused(server.http.post("models", json={"name": "x\n", "manifest": "0" * 64}))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"code": "1" * (16 * 2**20 + 1)}, "16,777,216"),
        ({"after": [f"r{n}" for n in range(1001)]}, "1,001 items in after; the limit is 1,000"),
        ({"after": ["last"] * 100_000}, "the limit is 1,000"),
        ({"tags": [f"t{n}" for n in range(101)]}, "the limit is 100"),
        ({"env": {f"E{n}": "1" for n in range(100_000)}}, "the limit is 1,000"),
        ({"env": {"E": "x" * (5 * 2**20)}}, "the limit is 4.0 MB"),
        ({"values": {f"v{n}": 1 for n in range(1001)}}, "the limit is 1,000"),
        ({"inputs": {f"v{n}": "0" * 64 for n in range(1001)}}, "the limit is 1,000"),
        ({"data": [{"name": f"d{n}"} for n in range(101)]}, "the limit is 100"),
    ],
)
def test_limits_are_said(server: JupyterServer, fields: dict[str, Any], words: str) -> None:
    answer = server.http.post("runs", json={"code": "1", **fields})
    assert answer.status_code == 413
    assert words in refused(answer)["message"]


def test_the_fields_of_a_form_have_limits_together(server: JupyterServer) -> None:
    many = {"data": {"env": [f"E{n}=1" for n in range(25_000)]}, "files": {"file": ("x.py", b"1")}}
    assert "parts" in refused(server.http.post("runs/zip", **many))["message"]
    big = {"data": {"tags": ["x" * 2**20] * 33}, "files": {"file": ("x.py", b"1")}}
    assert "32" in refused(server.http.post("runs/zip", **big))["message"]


def test_a_body_that_is_said_to_be_too_big_is_refused_at_once(server: JupyterServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest("POST", "/gpurun/api/v1/runs/zip")
    connection.putheader("Authorization", f"token {TOKEN}")
    connection.putheader("Content-Length", str(2**40))
    connection.endheaders(b"x")
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.load(answer)["error"]["code"] == "too_large"


@pytest.mark.parametrize("length", ["12x", "-1", "9" * 5000])
def test_a_length_that_is_no_number_is_refused_in_a_sentence(server: JupyterServer, length: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.putrequest("POST", "/gpurun/api/v1/runs/zip")
    connection.putheader("Authorization", f"token {TOKEN}")
    connection.putheader("Content-Length", length)
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 400
    error = json.load(answer)["error"]
    assert (error["code"], error["message"][:14]) == ("invalid_request", "Content-Length")


def test_a_machine_that_may_not_join_is_not_told_of_its_body(server: JupyterServer) -> None:
    for body in (b"{bad", nasty.DEEP.encode()):
        answer = server.http.post("agents/join", content=body, headers={"Authorization": "Bearer forged"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_joined")
