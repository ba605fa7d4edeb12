"""Which request a method and a path are, and what is refused before anybody looks at it."""

from __future__ import annotations

import inspect
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpurun_jupyter.core.errors import GpurunError, StorageFull, WrongState
from gpurun_jupyter.tracking import model_requests, requests
from gpurun_jupyter.tracking.endpoints import _ENDPOINTS, artifact_in, endpoint_at
from gpurun_jupyter.tracking.refusals import Refused, refusal_of
from gpurun_server.queue.tracking.tracking import Tracking


def test_every_endpoint_is_answered() -> None:
    tracking = Tracking(None)  # type: ignore[arg-type]
    for _, _, name, kind in _ENDPOINTS:
        (parameter,) = inspect.signature(tracking.method(name), eval_str=True).parameters.values()
        assert issubclass(kind, parameter.annotation), name


@pytest.mark.parametrize("prefix", ["api/2.0", "ajax-api/2.0", "api/3.0"])
def test_a_request_is_found_by_its_path(prefix: str) -> None:
    found = endpoint_at("GET", f"{prefix}/mlflow/runs/get", {"run_id": ["k3f9x2ab"]}, b"")
    assert found == ("get_run", requests.OfRun(run_id="k3f9x2ab"))


def test_old_clients_say_run_uuid() -> None:
    assert endpoint_at("GET", "api/2.0/mlflow/runs/get", {"run_uuid": ["a"]}, b"").request.run == "a"  # type: ignore[attr-defined]


def test_a_request_without_a_run_says_so() -> None:
    asked = endpoint_at("POST", "api/2.0/mlflow/runs/log-metric", {}, b'{"key": "a", "value": 1}').request
    assert isinstance(asked, requests.OfRun)
    with pytest.raises(Refused, match="run_id is missing") as refused:
        _ = asked.run
    assert refused.value.status == 400


def test_parts_of_the_path_are_fields() -> None:
    path = "api/2.0/mlflow/logged-models/m-1/tags/a%2Fb"
    assert endpoint_at("DELETE", path, {}, b"").request == model_requests.LoggedModelTag(model_id="m-1", tag_key="a/b")
    body = json.dumps({"model_id": "m-2", "tags": [{"key": "a", "value": "b"}]}).encode()
    found = endpoint_at("PATCH", "api/2.0/mlflow/logged-models/m-1/tags", {}, body)
    assert found.request == model_requests.LoggedModelTags(model_id="m-1", tags=[requests.Tag(key="a", value="b")])


def test_arguments_of_a_query_are_numbers_and_lists_where_fields_are() -> None:
    query = {"max_results": ["5"], "order_by": ["name", "creation_time DESC"], "filter": ["name = 'a'"]}
    found = endpoint_at("GET", "api/2.0/mlflow/experiments/search", query, b"").request
    assert found == requests.SearchExperiments(max_results=5, order_by=query["order_by"], filter="name = 'a'")


@given(st.sampled_from(_ENDPOINTS), st.binary(max_size=80))
def test_whatever_is_sent_is_read_or_refused(endpoint: tuple[str, str, str, type], body: bytes) -> None:
    method, path, name, _ = endpoint
    found: list[str | int] = []
    try:
        found.append(endpoint_at(method, f"api/2.0/mlflow/{path}", {}, body).name)
    except Refused as refused:
        found.append(refused.status)
    assert found in ([name], [400])


@pytest.mark.parametrize("path", ["", "api/2.0/mlflow/", "api/2.0/mlflow/traces", "x/api/2.0/mlflow/runs/get"])
def test_what_is_not_there_is_no_endpoint(path: str) -> None:
    with pytest.raises(Refused) as refused:
        endpoint_at("GET", path, {}, b"")
    assert (refused.value.status, refused.value.body["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


def test_an_address_of_an_artifact() -> None:
    assert artifact_in("api/2.0/mlflow-artifacts/artifacts/a/b/c%20d.txt") == "a/b/c d.txt"
    assert artifact_in("api/2.0/mlflow/runs/get") == ""


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (WrongState("It runs.", "Wait."), 409, "INVALID_PARAMETER_VALUE"),
        (StorageFull("Full.", "Make room."), 507, "INTERNAL_ERROR"),
        (GpurunError("No."), 400, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_errors_of_ours_keep_their_sentence_and_status(error: GpurunError, status: int, code: str) -> None:
    refused = refusal_of(error)
    assert (refused.status, refused.body) == (status, {"error_code": code, "message": str(error)})
