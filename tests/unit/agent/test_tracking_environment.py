from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from unittest import mock

import pytest

from gpurun_jupyter.agent.runner.tracking.door import Tracking
from gpurun_jupyter.agent.tracking_environment import linked, tracking_environment, tracks_elsewhere
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.runs import RunSpec

URL = "http://127.0.0.1:4000/gpurun/mlflow"


@pytest.mark.parametrize(
    ("env", "own", "elsewhere"),
    [
        ({}, {}, None),
        ({"MLFLOW_TRACKING_URI": ""}, {}, None),
        ({"MLFLOW_TRACKING_URI": "http://company:5000"}, {}, "http://company:5000"),
        ({"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}, {}, "sqlite:///mlflow.db"),
        # of the server that started the agent, or of the run in which that server was started
        ({"MLFLOW_TRACKING_URI": "http://localhost:8888/user/anna/gpurun/mlflow"}, {}, None),
        ({"MLFLOW_TRACKING_URI": "http://127.0.0.1:41000/gpurun/mlflow/"}, {}, None),
        ({"MLFLOW_TRACKING_TOKEN": "of the server"}, {}, None),
        # the run's own, for a server that its code names
        ({}, {"MLFLOW_TRACKING_TOKEN": "t"}, ""),
        ({}, {"MLFLOW_TRACKING_USERNAME": "anna", "MLFLOW_TRACKING_PASSWORD": "p"}, ""),
    ],
)
def test_who_tracks_elsewhere_goes_on_to(env: dict[str, str], own: dict[str, str], elsewhere: str | None) -> None:
    assert tracks_elsewhere({**env, **own}, own) == elsewhere


def test_a_run_is_led_to_its_door_and_brings_no_other_credentials() -> None:
    env = {"MLFLOW_TRACKING_TOKEN": "old", "MLFLOW_TRACKING_USERNAME": "anna", "MLFLOW_TRACKING_PASSWORD": "secret"}
    found = env | tracking_environment(env, URL, "new", "digits")
    assert found == {
        "MLFLOW_TRACKING_URI": URL,
        "MLFLOW_TRACKING_TOKEN": "new",
        "MLFLOW_TRACKING_USERNAME": "",
        "MLFLOW_TRACKING_PASSWORD": "",
        "MLFLOW_EXPERIMENT_NAME": "digits",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }
    assert "MLFLOW_RUN_ID" not in found


@pytest.mark.parametrize("name", ["MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID"])
def test_an_experiment_that_the_user_names_stays(name: str) -> None:
    assert "MLFLOW_EXPERIMENT_NAME" not in tracking_environment({name: "mine"}, URL, "t", "digits").keys() - {name}


def test_a_proxy_does_not_stand_between() -> None:
    env = {"HTTP_PROXY": "http://proxy:3128", "no_proxy": "company.example"}
    found = tracking_environment(env, URL, "t", "digits")
    assert found["no_proxy"] == "company.example,127.0.0.1"
    assert found["NO_PROXY"] == "127.0.0.1"
    assert "no_proxy" not in tracking_environment({}, URL, "t", "digits")


@pytest.mark.parametrize(
    ("uri", "link"),
    [
        ("http://company:5000/ml", "http://company:5000/ml"),
        ("https://anna:secret@company/ml", "https://company/ml"),
        ("sqlite:///mlflow.db", ""),
        ("", ""),
    ],
)
def test_a_run_says_where_it_tracks_without_a_password(uri: str, link: str) -> None:
    assert linked(uri) == link


def test_a_machine_without_loopback_runs_code_all_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(socket, "create_server", mock.Mock(side_effect=OSError("no address")))
    grant = Grant(run_id="k3f9x2ab", name="a", project="p", attempt=1, token="t", devices=[], spec=RunSpec(code="1"))
    tracking = Tracking({}, (), grant, None)
    tracking.open()
    assert (tracking.variables, tracking.secrets) == ({}, ())

    async def carry_out() -> None:
        async with tracking.answered(AttemptFolder(tmp_path), mock.Mock()):
            pass

    asyncio.run(carry_out())
