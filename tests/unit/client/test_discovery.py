from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gpurun_jupyter.client import discovery
from gpurun_jupyter.core.errors import InvalidRequest

DEAD_PID = 2**22 + 1  # above the largest pid of Linux


def test_an_argument_comes_before_the_environment() -> None:
    env = {"GPURUN_URL": "http://b:2", "GPURUN_TOKEN": "t"}
    assert tuple(discovery.named("http://a:1", None, env) or ()) == ("http://a:1/", "t")
    assert tuple(discovery.named(None, "u", env) or ()) == ("http://b:2/", "u")
    assert discovery.named(None, None, {}) is None


@pytest.mark.parametrize(
    ("pasted", "address"),
    [
        ("http://localhost:8888/lab?token=abc", ("http://localhost:8888/", "abc")),
        ("http://host/user/anna/tree", ("http://host/user/anna/", "")),
        ("http://0.0.0.0:8888/", ("http://127.0.0.1:8888/", "")),
    ],
)
def test_what_jupyter_prints_can_be_pasted(pasted: str, address: tuple[str, str]) -> None:
    assert tuple(discovery.named(pasted, None, {}) or ()) == address


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="localhost:8888"):
        discovery.named("localhost:8888", None, {})


def test_jupyterhub_names_its_server() -> None:
    env = {
        "JUPYTERHUB_API_TOKEN": "h",
        "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/anna/",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/anna/",
    }
    assert tuple(discovery.named(None, None, env) or ()) == ("http://127.0.0.1:8888/user/anna/", "h")


def test_running_servers_come_in_order_and_without_the_dead(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    for age, (port, pid) in enumerate([(1, os.getpid()), (2, os.getppid()), (3, DEAD_PID)]):
        path = tmp_path / f"jpserver-{port}.json"
        path.write_text(json.dumps({"url": f"http://localhost:{port}/", "token": f"t{port}", "pid": pid, "sock": ""}))
        os.utime(path, (age, age))
    (tmp_path / "jpserver-4.json").write_text("{")
    assert [address.token for address in discovery.running(None, {})] == ["t2", "t1"]
    ours_first = discovery.running(None, {"JPY_PARENT_PID": str(os.getpid())})
    assert [address.url for address in ours_first] == ["http://localhost:1/", "http://localhost:2/"]


def test_an_address_keeps_its_token_to_itself() -> None:
    assert "secret" not in repr(discovery.Address("http://a/", "secret"))
