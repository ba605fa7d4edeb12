"""JupyterHub: `gpurun server` as its service, and gpurun in its users' own servers; a real Hub and proxy."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest
from jupyterhub_server import JupyterHub, UserServer
from machines import Machine
from notebooks import ServerKernel
from servers import BIN, isolated_environment, wait_until
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

#: What a browser says when a person opens an address.
OPENED = {"Sec-Fetch-Mode": "navigate", "Accept": "text/html"}
HOLDING = "import time\nprint('begun', flush=True)\ntime.sleep(600)"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterHub]:
    made = JupyterHub(tmp_path_factory.mktemp("hub"))
    try:
        yield made.start()
    finally:
        made.close()


@pytest.fixture(scope="module")
def tokens(hub: JupyterHub) -> dict[str, str]:
    return {name: hub.add(name) for name in ("alice", "bob")}


@pytest.fixture
def alice(hub: JupyterHub, tokens: dict[str, str]) -> Iterator[httpx.Client]:
    with hub.client(tokens["alice"]) as client:
        yield client


@pytest.fixture
def bob(hub: JupyterHub, tokens: dict[str, str]) -> Iterator[httpx.Client]:
    with hub.client(tokens["bob"], kind="Bearer") as client:
        yield client


@pytest.fixture
def held(alice: httpx.Client) -> Iterator[str]:
    """A run of alice that has printed something."""
    run_id = alice.post("runs", json={"code": HOLDING, "name": "alices"}).json()["id"]
    wait_until(lambda: "begun" in alice.get(f"runs/{run_id}/log").text, 60)
    yield run_id
    alice.post(f"runs/{run_id}/cancel", json={})
    wait_until(lambda: alice.get(f"runs/{run_id}").json()["state"] == "finished")


def test_users_of_the_hub_are_owners_and_see_their_own(alice: httpx.Client, bob: httpx.Client, held: str) -> None:
    bobs = bob.post("runs", json={"code": "print('bob')", "name": "bobs"})
    assert (bobs.status_code, bobs.json()["owner"]) == (201, "bob")
    assert [run["owner"] for run in alice.get("runs").json()["runs"]] == ["alice"]
    assert [run["name"] for run in bob.get("runs").json()["runs"]] == ["bobs"]
    for refused in (bob.post(f"runs/{held}/cancel", json={}), bob.get(f"runs/{held}/log"), bob.delete(f"runs/{held}")):
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "run_not_found")
    wait_until(lambda: bob.get("runs/bobs").json()["outcome"] == "succeeded", 60)
    assert alice.post(f"runs/{held}/cancel", json={}).json()["state"] == "stopping"
    wait_until(lambda: alice.get(f"runs/{held}").json()["outcome"] == "cancelled")


def test_who_the_hub_does_not_know_is_refused(hub: JupyterHub, tokens: dict[str, str]) -> None:
    no_scope = hub.add("carol", scopes=["read:users!user=carol"])
    for headers in ({}, {"Authorization": "token nonsense"}, {"Authorization": f"token {no_scope}"}):
        for method, path in (("GET", "runs"), ("POST", "runs"), ("GET", "stream"), ("GET", "devices")):
            answer = httpx.request(method, f"{hub.api}{path}", headers=headers, json={"code": "1"})
            assert answer.status_code == 403, (headers, method, path)
            assert answer.json()["error"]["code"] == "not_allowed"


def test_the_rest_of_the_jupyter_server_is_closed(hub: JupyterHub, alice: httpx.Client) -> None:
    """A kernel there, or the end of the server, would be everybody's."""
    for method, path in (
        ("GET", "api/contents"),
        ("GET", "api/kernels"),
        ("POST", "api/kernels"),
        ("GET", "api/sessions"),
        ("POST", "api/shutdown"),
        ("GET", "files/x"),
        ("GET", "api/config/x"),
    ):
        assert alice.request(method, f"{hub.service}{path}", json={}).status_code == 403, path
    assert alice.get("status").status_code == 200


def test_streams_come_through_the_proxy(
    hub: JupyterHub, tokens: dict[str, str], alice: httpx.Client, held: str
) -> None:
    with alice.stream("GET", "stream", params={"run": held}) as answer:
        lines = answer.iter_lines()
        while "begun" not in (line := next(lines)):
            pass
        assert json.loads(line.removeprefix("data: "))["run"] == held

    async def first_frame(token: str, **headers: str) -> dict:
        url = f"{hub.api.replace('http:', 'ws:')}stream/ws"
        socket = await websocket_connect(HTTPRequest(url, headers={"Authorization": f"token {token}", **headers}))
        await socket.write_message(json.dumps({"watch": "runs"}))
        frame = json.loads(await asyncio.wait_for(socket.read_message(), 30))
        socket.close()
        return frame

    for headers in ({}, {"Origin": hub.url}):
        told = asyncio.run(first_frame(tokens["alice"], **headers))
        assert held in [run["id"] for run in told["runs"]]
    assert held not in [run["id"] for run in asyncio.run(first_frame(tokens["bob"]))["runs"]]
    for token, headers in (("nonsense", {}), (tokens["alice"], {"Origin": "http://elsewhere.example"})):
        with pytest.raises(HTTPClientError, match="403"):
            asyncio.run(first_frame(token, **headers))


def signed_in(browser: httpx.Client, address: str, person: str) -> httpx.Response:
    """Open an address as a browser does, and sign in where the Hub asks for it; returns the page that was wanted."""
    page = browser.get(address, headers=OPENED)
    assert page.url.path == "/hub/login"
    hidden = re.search(r'name="_xsrf" value="([^"]+)"', page.text)
    assert hidden is not None
    form = {"username": person, "password": "any", "_xsrf": hidden[1]}
    return browser.post(page.url, data=form, headers=OPENED)


def check_xsrf(browser: httpx.Client, server: str, owner: str) -> None:
    """That a page needs the header to change something."""
    runs = f"{server}gpurun/api/v1/runs"
    path = urlsplit(server).path
    cookie = next(cookie.value for cookie in browser.cookies.jar if (cookie.name, cookie.path) == ("_xsrf", path))
    for headers in ({}, {"X-XSRFToken": "guessed"}):
        assert browser.post(runs, json={"code": "1"}, headers=headers).status_code == 403
    made = browser.post(runs, json={"code": "1"}, headers={"X-XSRFToken": cookie})
    assert (made.status_code, made.json()["owner"]) == (201, owner)


def test_a_browser_signs_in_at_the_hub_and_needs_the_xsrf_header(hub: JupyterHub) -> None:
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        shown = signed_in(browser, hub.service, "dora")
        assert (shown.status_code, shown.url.path) == (200, "/services/gpurun/gpurun/api/v1/status")
        assert "version" in shown.json()
        assert browser.get(f"{hub.api}runs").json()["runs"] == []
        check_xsrf(browser, hub.service, "dora")


def test_the_command_line_uses_the_service_with_a_token_of_the_hub(hub: JupyterHub, tokens: dict[str, str]) -> None:
    env = isolated_environment(hub.folder / "bobs-laptop")
    env |= {"GPURUN_URL": hub.service, "JUPYTERHUB_API_TOKEN": tokens["bob"]}
    script = hub.folder / "hello.py"
    script.write_text("print('hello from a script')")

    def gpurun(*arguments: str) -> str:
        command = [BIN / "gpurun", *arguments]
        done = subprocess.run(command, env=env, capture_output=True, text=True, cwd=hub.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout

    gpurun("submit", str(script), "--name", "from-a-terminal", "--wait")
    assert "hello from a script" in gpurun("logs", "from-a-terminal")
    assert "from-a-terminal" in gpurun("runs")
    assert "alices" not in gpurun("runs")


@pytest.fixture(scope="module")
def own(hub: JupyterHub) -> UserServer:
    hub.add("erin")
    return hub.spawn("erin")


@pytest.fixture(scope="module")
def kernel(hub: JupyterHub, own: UserServer) -> Iterator[ServerKernel]:
    made = ServerKernel(own, token=hub.add("erin", scopes=["access:servers!user=erin"]))
    made.execute("%load_ext gpurun_jupyter")
    yield made
    made.close()


def test_a_notebook_uses_its_users_own_server(hub: JupyterHub, own: UserServer, kernel: ServerKernel) -> None:
    ran = kernel.execute("%%gpurun --name in-my-own-server --out answer\nimport os\nanswer = os.getcwd()", 120)
    assert not ran.failed, ran.failed
    assert f"{own.folder}/" in kernel.execute("print(answer)").text, "its state is below that user's home"
    token = hub.add("erin", scopes=["access:servers!user=erin"])
    asked = {"headers": {"Authorization": f"token {token}"}}
    run = httpx.get(f"{own.url}gpurun/api/v1/runs/in-my-own-server", **asked).json()
    assert (run["owner"], run["outcome"]) == ("erin", "succeeded")
    with hub.client(hub.add("bob", scopes=["access:servers!user=bob"])) as bob:
        assert bob.get(f"{own.url}gpurun/api/v1/runs").status_code == 403


def test_a_notebook_uses_the_service_when_told_where_it_is(hub: JupyterHub, kernel: ServerKernel) -> None:
    kernel.execute(f"import os; os.environ['GPURUN_URL'] = {hub.service!r}")
    ran = kernel.execute("%%gpurun --name from-erins-notebook --out answer\nanswer = 42", 120)
    assert not ran.failed, ran.failed
    assert "42" in kernel.execute("print(answer)").text
    kernel.execute("del os.environ['GPURUN_URL']")
    with hub.client(hub.add("erin")) as erin:
        assert erin.get("runs/from-erins-notebook").json()["owner"] == "erin"
        assert erin.get("runs/in-my-own-server").status_code == 404


def test_the_page_of_a_users_own_server_needs_the_xsrf_header(own: UserServer) -> None:
    with httpx.Client(follow_redirects=True, timeout=60) as browser:
        assert signed_in(browser, f"{own.url}gpurun/api/v1/status", "erin").json()["owner"] == "erin"
        check_xsrf(browser, own.url, "erin")


def test_a_machine_joins_a_users_own_server(hub: JupyterHub, own: UserServer) -> None:
    token = hub.add("erin", scopes=["access:servers!user=erin"])
    with httpx.Client(base_url=f"{own.url}gpurun/api/v1/", headers={"Authorization": f"token {token}"}) as erin:
        machine = Machine(hub.folder / "desk").join(SimpleNamespace(http=erin))
        try:
            run = erin.post("runs", json={"code": "1", "on": machine.agent_id}).json()["id"]
            wait_until(lambda: erin.get(f"runs/{run}").json()["outcome"] == "succeeded", 60)
        finally:
            machine.close()


def test_runs_outlive_their_users_server(hub: JupyterHub, own: UserServer) -> None:
    asked = {"headers": {"Authorization": f"token {hub.add('erin', scopes=['access:servers!user=erin'])}"}}
    runs = f"{own.url}gpurun/api/v1/runs"
    code = "import os, time\nprint('begun', flush=True)\nwhile not os.path.exists('go'): time.sleep(0.05)"
    run = httpx.post(runs, json={"code": code}, **asked).json()["id"]
    wait_until(lambda: "begun" in httpx.get(f"{runs}/{run}/log", **asked).text, 60)
    (work,) = own.folder.glob(f"**/runs/{run}/attempts/1/work")
    hub.stop("erin")
    (work / "go").touch()
    wait_until((work.parent / "exit.json").exists)
    hub.spawn("erin")
    ended = httpx.get(f"{runs}/{run}", **asked).json()
    assert (ended["outcome"], ended["attempt"]) == ("succeeded", 1)


def test_a_machine_joins_the_service_and_takes_everybodys_runs(
    hub: JupyterHub, alice: httpx.Client, bob: httpx.Client
) -> None:
    """Therefore nobody's files are kept apart by an agent of their own."""
    machine = Machine(hub.folder / "lab").join(SimpleNamespace(http=alice))
    try:
        assert machine.url == hub.service
        for client, owner in ((alice, "alice"), (bob, "bob")):
            run = client.post("runs", json={"code": "print('there')", "on": machine.agent_id}).json()
            wait_until(lambda client=client, run=run: client.get(f"runs/{run['id']}").json()["outcome"], 60)
            ended = client.get(f"runs/{run['id']}").json()
            assert (ended["owner"], ended["outcome"], ended["agent"]) == (owner, "succeeded", machine.agent_id)
            wait_until(lambda client=client, run=run: "there" in client.get(f"runs/{run['id']}/log").text)
        assert bob.post(f"agents/{machine.agent_id}/revoke").status_code == 404
        assert alice.post(f"agents/{machine.agent_id}/revoke").is_success
    finally:
        machine.close()
