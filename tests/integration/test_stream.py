"""The live connection: server-sent events and WebSocket, resumed by cursor, nothing twice, nothing missed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from servers import TOKEN, JupyterServer
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

COUNT = "import time\nfor n in range(30):\n    print('n', n, flush=True)\n    time.sleep(0.05)"


def frames(answer: httpx.Response) -> Iterator[dict[str, Any]]:
    for line in answer.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line[6:])


def printed(frame: dict[str, Any]) -> str:
    return "".join(event["text"] for event in frame["events"] if event["kind"] == "output")


def test_a_run_is_followed_to_its_end_and_resumed_by_cursor(server: JupyterServer) -> None:
    run_id = server.submit(COUNT)
    text, cursor, states = "", "1:0", []
    while not states or states[-1] != "finished":
        headers = {"Accept": "text/event-stream", "Last-Event-ID": cursor}
        with server.http.stream("GET", f"runs/{run_id}/events", headers=headers) as answer:
            assert answer.headers["x-accel-buffering"] == "no"
            for number, frame in enumerate(frames(answer)):
                if frame["type"] == "events":
                    text, cursor = text + printed(frame), frame["cursor"]
                if frame["type"] == "run":
                    states.append(frame["run"]["state"])
                if number == 4:
                    break  # the connection is lost now and then
    assert text == "".join(f"n {n}\n" for n in range(30))
    assert text == server.log(run_id)


def test_output_arrives_while_the_run_goes_on(server: JupyterServer) -> None:
    run_id = server.submit("import time\nprint('early', flush=True)\ntime.sleep(3)\nprint('late')")
    with server.http.stream("GET", f"runs/{run_id}/events", headers={"Accept": "text/event-stream"}) as answer:
        first = next(frame for frame in frames(answer) if frame["type"] == "events" and printed(frame))
        assert printed(first) == "early\n"
        server.wait(run_id, "running")
        assert server.log(run_id) == "early\n"


def test_runs_and_devices_over_one_stream(server: JupyterServer) -> None:
    with server.http.stream("GET", "stream", params={"watch": ["runs", "devices"]}) as answer:
        coming = frames(answer)
        kinds = {next(coming)["type"], next(coming)["type"]}
        assert kinds == {"runs", "devices"}
        run_id = server.submit("import time; time.sleep(1)")
        states = set()
        for frame in coming:
            states |= {run["state"] for run in frame.get("runs", []) if run["id"] == run_id}
            if "finished" in states:
                break
        assert {"running", "finished"} <= states


async def socket(server: JupyterServer, headers: dict[str, str] | None = None, query: str = "") -> Any:
    url = str(server.http.base_url).replace("http", "ws", 1) + "stream/ws" + query
    return await websocket_connect(HTTPRequest(url, headers=headers or {"Authorization": f"token {TOKEN}"}))


def test_the_websocket_carries_several_watches(server: JupyterServer) -> None:
    async def follow(run_id: str) -> tuple[str, list[str]]:
        ws = await socket(server)
        for wish in (
            {"watch": "runs"},
            {"watch": "run", "run": run_id},
            {"watch": "run", "run": "nobody"},
            {"watch": 1},
        ):
            await ws.write_message(json.dumps(wish))
        text, seen = "", []
        while True:
            frame = json.loads(await asyncio.wait_for(ws.read_message(), 30))
            seen.append(frame["error"]["code"] if frame["type"] == "error" else frame["type"])
            if frame["type"] == "events":
                text += printed(frame)
            if frame["type"] == "run" and frame["run"]["state"] == "finished":
                ws.close()
                return text, seen

    text, seen = asyncio.run(follow(server.submit(COUNT)))
    assert text == "".join(f"n {n}\n" for n in range(30))
    assert {"runs", "events", "run", "run_not_found", "invalid_request"} <= set(seen)


@pytest.mark.parametrize("query", ["", f"?token={TOKEN}"])
def test_a_foreign_page_gets_no_websocket(server: JupyterServer, query: str) -> None:
    headers = {"Authorization": f"token {TOKEN}", "Origin": "http://evil.example"}
    with pytest.raises(HTTPClientError, match="403"):
        asyncio.run(socket(server, headers, query))


def test_who_watches_a_run_hears_that_it_was_deleted_and_hears_on(server: JupyterServer) -> None:
    async def watch() -> None:
        first, second = server.submit("1"), server.submit("2")
        for run_id in (first, second):
            server.wait(run_id)
        connection = await socket(server)
        connection.write_message(json.dumps({"watch": "run", "run": first}))
        await until(connection, lambda frame: frame["type"] == "run")
        server.http.delete(f"runs/{first}")
        await until(connection, lambda frame: frame["type"] == "run" and frame["run"]["deleted"])
        connection.write_message(json.dumps({"watch": "run", "run": second}))
        await until(connection, lambda frame: frame["type"] == "run" and frame["run"]["id"] == second)

    asyncio.run(asyncio.wait_for(watch(), 30))


async def until(connection: Any, wanted: Callable[[dict[str, Any]], bool]) -> None:
    while not wanted(json.loads(await connection.read_message())):
        pass


def test_streams_end_with_the_server(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server().start()
    with server.http.stream("GET", "stream", params={"watch": "devices"}) as answer:
        coming = frames(answer)
        next(coming)
        server.stop()
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            list(coming)


@pytest.mark.parametrize(
    "cursor",
    [
        "1:99999999999999999999",
        "1:9223372036854775807",
        "1:3",
        "1:99999",
        "7:0",
        "7:3",
        "0:0",
        "x",
        "tail:" + "9" * 5000,
    ],
)
def test_what_is_no_place_of_a_log_is_refused_and_the_connection_lives(server: JupyterServer, cursor: str) -> None:
    run_id = server.submit("print('here')")
    server.wait(run_id)

    async def watch() -> None:
        connection = await socket(server)
        connection.write_message(json.dumps({"watch": "run", "run": run_id, "cursor": cursor}))
        connection.write_message(json.dumps({"watch": "devices"}))
        refusals: list[dict[str, Any]] = []
        await until(connection, lambda frame: refusals.append(frame) or frame["type"] == "devices")
        assert [frame["run"] for frame in refusals if frame["type"] == "error"] == [run_id]
        connection.write_message(json.dumps({"watch": "run", "run": run_id}))
        await until(connection, lambda frame: frame["type"] == "events" and printed(frame) == "here\n")

    asyncio.run(asyncio.wait_for(watch(), 30))
    for accept in ("text/event-stream", "application/json"):
        answer = server.http.get(f"runs/{run_id}/events", params={"cursor": cursor}, headers={"Accept": accept})
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] in ("no_such_place", "invalid_request")
    assert server.http.get("stream", params={"run": f"{run_id}@{cursor}"}).status_code == 400


def test_the_end_of_a_log_and_each_line_of_it_are_places(server: JupyterServer) -> None:
    run_id = server.submit("print('here')")
    server.wait(run_id)
    whole = server.http.get(f"runs/{run_id}/events").content
    places = [0, *(at + 1 for at, byte in enumerate(whole) if byte == ord("\n"))]
    for place in places:
        assert server.http.get(f"runs/{run_id}/events", params={"cursor": f"1:{place}"}).content == whole[place:]


def test_a_log_that_is_gone_ends_nothing(make_server: Callable[..., JupyterServer]) -> None:
    server = make_server().start()
    run_id = server.submit("print('here')")
    server.wait(run_id)
    log = server.home / "runs" / run_id / "attempts" / "1" / "events.jsonl"
    log.rename(log.with_name("aside"))
    log.mkdir()

    async def watch() -> None:
        connection = await socket(server)
        connection.write_message(json.dumps({"watch": "run", "run": run_id}))
        await until(connection, lambda frame: frame["type"] == "run" and frame["run"]["state"] == "finished")
        connection.write_message(json.dumps({"watch": "devices"}))
        await until(connection, lambda frame: frame["type"] == "devices")

    asyncio.run(asyncio.wait_for(watch(), 30))
    with server.http.stream("GET", f"stream?run={run_id}") as answer:
        assert next(frames(answer))["type"] == "run"
    with server.http.stream("GET", f"runs/{run_id}/events", headers={"Accept": "text/event-stream"}) as answer:
        assert [frame["type"] for frame in frames(answer)] == ["run"]
    assert "never retrieved" not in (server.folder / "server.log").read_text()


@pytest.mark.parametrize("query", ["", "?watch=weather", "?run=x@1", "?run=x@tail:0"])
def test_what_cannot_be_watched_is_refused(server: JupyterServer, query: str) -> None:
    assert server.http.get(f"stream{query}").status_code == 400


def test_a_submission_is_answered_with_the_runs_stream_where_that_is_accepted(server: JupyterServer) -> None:
    headers = {"Accept": "text/event-stream", "Idempotency-Key": "followed"}
    for _ in range(2):  # the second time it is the same run, from its beginning
        with server.http.stream("POST", "runs", json={"code": "print('here')"}, headers=headers) as answer:
            assert answer.status_code == 201
            told = list(frames(answer))
        assert told[0]["type"] == "run"
        assert "".join(printed(frame) for frame in told if frame["type"] == "events") == "here\n"
        assert told[-1]["run"]["outcome"] == "succeeded"
    assert len({frame["run"]["id"] for frame in told if frame["type"] == "run"}) == 1


def test_a_submission_that_is_followed_says_soon_why_it_waits(server: JupyterServer) -> None:
    spec = {"code": "1", "wait_for_device": True, "gpu": 3}
    with server.http.stream("POST", "runs", json=spec, headers={"Accept": "text/event-stream"}) as answer:
        told = frames(answer)
        first, second = next(told)["run"], next(told)["run"]
    assert (first["waiting"], second["waiting"]["position"]) == (None, 1)
    server.http.post(f"runs/{first['id']}/cancel")


MANY = """
import time
from gpurun_jupyter import report
for n in range(3000):
    print(n, r"not a newline: \\n", flush=n % 100 == 0)
    if n % 100 == 0:
        report.log(step=n, loss=float(n))
display(n)
time.sleep(0.2)
print("the end")
"""


def test_the_last_lines_come_at_once_and_what_stands_before_is_counted(server: JupyterServer) -> None:
    run_id = server.submit(MANY)
    server.wait(run_id)
    text, told, place = "", [], ""
    with server.http.stream("GET", "stream", params={"run": f"{run_id}@tail:20"}) as answer:
        for frame in frames(answer):
            if frame["type"] == "events":
                text, place = text + printed(frame), frame["cursor"]
            if frame["type"] == "before":
                told.append(frame)
            if len(told) == 2 and text.endswith("the end\n"):
                break
    counted = told[1]
    whole = "".join(event["text"] for event in server.events(run_id) if event["kind"] == "output")
    assert "lines" not in told[0]
    assert counted["cursor"] == told[0]["cursor"]
    assert whole.endswith(text)
    assert text.count("\n") >= 20
    assert counted["exact"]
    assert counted["lines"] + text.count("\n") == whole.count("\n") == 3001
    assert counted["curves"]["loss"]["values"][:3] == [0, 100, 200]
    assert server.events(run_id, counted["cursor"])[-1] == server.events(run_id)[-1]
    assert server.events(run_id, place) == []


def test_a_short_log_is_shown_from_its_beginning(server: JupyterServer) -> None:
    run_id = server.submit("print('all of it')")
    server.wait(run_id)
    with server.http.stream("GET", "stream", params={"run": f"{run_id}@tail:20"}) as answer:
        first = next(frames(answer))
    assert first["type"] == "events"
    assert first["events"][0]["kind"] == "start"


FIGURES = """from IPython.display import HTML, display
for n in range(3):
    display(HTML(f"<b>{n}</b>"))
    print("\\n".join(f"line {n}.{i}" for i in range(2000)))"""


def test_the_log_is_read_backwards_from_a_place(server: JupyterServer) -> None:
    run_id = server.submit(FIGURES)
    server.wait(run_id)
    whole = server.events(run_id)
    end = server.http.get(f"runs/{run_id}/events", params={"before": "1:0", "lines": 5})
    assert (end.text, end.headers["x-gpurun-cursor"]) == ("", "1:0")
    cursor = f"1:{(server.home / 'runs' / run_id / 'attempts' / '1' / 'events.jsonl').stat().st_size}"
    pieces = []
    while cursor != "1:0":
        answer = server.http.get(f"runs/{run_id}/events", params={"before": cursor, "lines": 100})
        pieces.append([json.loads(line) for line in answer.text.splitlines()])
        assert pieces[-1]
        cursor = answer.headers["x-gpurun-cursor"]
    assert [event for piece in reversed(pieces) for event in piece] == whole
    assert len(pieces) > 2


def test_the_log_is_read_by_the_numbers_of_its_lines(server: JupyterServer) -> None:
    run_id = server.submit(FIGURES)
    server.wait(run_id)
    found = server.http.get(f"runs/{run_id}/search", params={"q": "line 1.7"}).json()["found"][0]
    answer = server.http.get(f"runs/{run_id}/events", params={"first": found["line"], "lines": 1})
    begin = int(answer.headers["x-gpurun-line"])
    text = "".join(json.loads(line).get("text", "") for line in answer.text.splitlines())
    assert text.split("\n")[found["line"] - begin] == "line 1.7"


@pytest.mark.parametrize(
    "query", [{"before": "1:7", "lines": 5}, {"before": "x", "lines": 5}, {"lines": 0}, {"lines": "y"}]
)
def test_a_part_that_is_none_is_refused_in_a_sentence(server: JupyterServer, query: dict[str, Any]) -> None:
    run_id = server.submit("1")
    server.wait(run_id)
    answer = server.http.get(f"runs/{run_id}/events", params=query)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
