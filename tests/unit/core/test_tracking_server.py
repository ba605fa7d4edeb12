"""The address of a tracking server, who asks it, and its refusals as sentences."""

from __future__ import annotations

import httpx
import pytest

from gpurun_jupyter.core.errors import InvalidRequest, TrackingFailed, TrackingUnreachable
from gpurun_jupyter.core.system.tracking_server import Address, TrackingServer, shown

BASIC = "Basic YW5uYTpnZWhlaW0="  # anna:geheim
USER = {"MLFLOW_TRACKING_USERNAME": "anna", "MLFLOW_TRACKING_PASSWORD": "geheim"}
TOKEN = {"MLFLOW_TRACKING_TOKEN": "abc"}


@pytest.mark.parametrize(
    ("uri", "environment", "address"),
    [
        ("http://lab:5000", {}, Address("http://lab:5000")),
        ("http://lab:5000/#/experiments/1/runs/2", {}, Address("http://lab:5000")),
        (
            "https://lab/user/anna/gpurun/mlflow/?a=b",
            TOKEN,
            Address("https://lab/user/anna/gpurun/mlflow", "Bearer abc"),
        ),
        ("http://lab:5000", TOKEN | USER, Address("http://lab:5000", BASIC)),  # as MLflow prefers them
        ("http://lab:5000", {"MLFLOW_TRACKING_USERNAME": "anna"}, Address("http://lab:5000")),
        ("http://anna:geheim@lab:5000/", TOKEN, Address("http://lab:5000", BASIC)),
        ("http://anna:ge%68eim@lab:5000/", TOKEN, Address("http://lab:5000", BASIC)),
    ],
)
def test_an_address_is_without_the_password(uri: str, environment: dict[str, str], address: Address) -> None:
    assert Address.parse(uri, environment) == address


@pytest.mark.parametrize(
    "uri", ["http://", "http://anna:geheim@:1/", "http://anna:geheim@lab:port", "ftp://lab", "lab"]
)
def test_what_is_no_address_is_told_without_the_password(uri: str) -> None:
    with pytest.raises(InvalidRequest, match="is no address of a tracking server") as refused:
        Address.parse(uri, {})
    assert "geheim" not in str(refused.value)


def test_nothing_of_a_password_is_shown() -> None:
    assert shown("postgresql://anna:ge/h@eim@lab/mlflow") == "postgresql://lab/mlflow"
    assert shown("mlruns") == "mlruns"


def answering(response: httpx.Response | Exception) -> TrackingServer:
    def answer(_: httpx.Request) -> httpx.Response:
        if isinstance(response, Exception):
            raise response
        return response

    return TrackingServer(Address("http://lab"), httpx.MockTransport(answer))


DENIED = {"error_code": "PERMISSION_DENIED", "message": "Not your experiment."}


@pytest.mark.parametrize(
    ("response", "kind", "said"),
    [
        (httpx.Response(401, text="You are not authenticated."), TrackingUnreachable, "let you in: You are not"),
        (httpx.Response(403, text="Invalid Host header"), TrackingUnreachable, "let you in: Invalid Host header"),
        (httpx.Response(302, headers={"Location": "/login"}), TrackingUnreachable, "does not let you in. Set MLFLOW"),
        (httpx.Response(403, json=DENIED), TrackingFailed, "says 403: Not your experiment"),
        (httpx.Response(500, html="<h1>no</h1>"), TrackingFailed, "says 500"),
        (httpx.Response(404, html="<h1>no</h1>"), TrackingUnreachable, "is no tracking server of MLflow's"),
        (httpx.Response(200, html="<h1>hello</h1>"), TrackingUnreachable, "is no tracking server of MLflow's"),
        (httpx.ConnectError("refused"), TrackingUnreachable, "No tracking server answers at http://lab .refused"),
        (httpx.ReadTimeout(""), TrackingUnreachable, "ReadTimeout"),
    ],
)
def test_a_refusal_is_a_sentence(response: httpx.Response | Exception, kind: type[TrackingFailed], said: str) -> None:
    with pytest.raises(TrackingFailed, match=said) as refused:
        answering(response).get("experiments/search")
    assert type(refused.value) is kind


def test_a_download_is_refused_in_the_same_way() -> None:
    server = answering(httpx.Response(401, stream=httpx.ByteStream(b"Who are you?")))
    with pytest.raises(TrackingUnreachable, match="does not let you in"):
        list(server.pieces("get-artifact", path="a"))


def test_pages_are_asked_for_until_there_are_none() -> None:
    asked: list[dict[str, str]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        more = {} if len(asked) == 3 else {"next_page_token": str(len(asked))}
        return httpx.Response(200, json={"runs": [{"number": len(asked)}], **more})

    server = TrackingServer(Address("http://lab/base", "Bearer abc"), httpx.MockTransport(answer))
    assert [run["number"] for run in server.pages("GET", "runs/search", "runs", max_results=1)] == [1, 2, 3]
    assert [one.get("page_token") for one in asked] == [None, "1", "2"]
