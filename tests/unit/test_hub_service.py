from __future__ import annotations

import pytest

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_server import hub_service

SERVICE = {
    "JUPYTERHUB_SERVICE_NAME": "gpus",
    "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:9871",
    "JUPYTERHUB_SERVICE_PREFIX": "/hub/base/services/gpus/",
    "JUPYTERHUB_API_TOKEN": "secret",
}


def test_a_service_has_the_hubs_address_and_users() -> None:
    pytest.importorskip("jupyterhub")
    assert hub_service.is_service(SERVICE)
    told = hub_service.settings(SERVICE)
    assert (told["base_url"], told["ip"], told["port"]) == ("/hub/base/services/gpus/", "0.0.0.0", 9871)
    assert told["identity_provider_class"].endswith("JupyterHubIdentityProvider")


@pytest.mark.parametrize(
    "env",
    [{}, {"JUPYTERHUB_API_TOKEN": "x", "JUPYTERHUB_SERVICE_PREFIX": "/user/a/"}, SERVICE | {"JUPYTERHUB_USER": "a"}],
)
def test_a_terminal_in_somebodys_own_server_is_no_service(env: dict[str, str]) -> None:
    assert not hub_service.is_service(env)


@pytest.mark.parametrize("lacking", ["JUPYTERHUB_SERVICE_URL", "JUPYTERHUB_SERVICE_PREFIX"])
def test_a_service_without_an_address_says_what_to_do(lacking: str) -> None:
    with pytest.raises(InvalidRequest, match=r"without an address\. Give it one: \"url\""):
        hub_service.settings({key: value for key, value in SERVICE.items() if key != lacking})


def test_a_service_without_jupyterhubs_package_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_service, "find_spec", lambda _name: None)
    with pytest.raises(InvalidRequest, match="pip install jupyterhub"):
        hub_service.settings(SERVICE)
