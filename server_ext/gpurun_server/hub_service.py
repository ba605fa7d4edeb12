"""`gpurun server` started by JupyterHub as one of its services: where it listens, and who asks, is the Hub's to say."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from gpurun_jupyter.core.errors import InvalidRequest


def is_service(env: Mapping[str, str] = os.environ) -> bool:
    """Whether JupyterHub started this process as a service; a terminal in somebody's own server is none."""
    return bool(env.get("JUPYTERHUB_SERVICE_NAME")) and not env.get("JUPYTERHUB_USER")


def settings(env: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What ServerApp has to be told. Owners are the Hub's users; who may use the service is decided by its scopes.

    Raises InvalidRequest where the Hub gave the service no address, or jupyterhub is not installed here.
    """
    prefix, url = env.get("JUPYTERHUB_SERVICE_PREFIX"), urlsplit(env.get("JUPYTERHUB_SERVICE_URL", ""))
    if not prefix or not url.port:
        problem = "JupyterHub started this service without an address."
        raise InvalidRequest(problem, 'Give it one: "url": "http://127.0.0.1:9871" (docs/jupyterhub.md).')
    if find_spec("jupyterhub") is None:
        raise InvalidRequest(
            "This is a service of JupyterHub, but its package is not installed here.", "pip install jupyterhub"
        )
    return {
        "base_url": prefix,
        "ip": url.hostname,
        "port": url.port,
        "port_retries": 0,  # the Hub's proxy leads to this port and to no other
        "keyfile": env.get("JUPYTERHUB_SSL_KEYFILE", ""),
        "certfile": env.get("JUPYTERHUB_SSL_CERTFILE", ""),
        "client_ca": env.get("JUPYTERHUB_SSL_CLIENT_CA", ""),
        "identity_provider_class": "jupyterhub.singleuser.extension.JupyterHubIdentityProvider",
        "authorizer_class": "gpurun_server.hub_authorizer.OnlyGpurun",
        "trust_xheaders": True,  # from where and by which scheme, only the Hub's proxy knows
        "allow_remote_access": True,  # by the Hub's proxy, under its public name
        "tornado_settings": {"xsrf_cookies": False},  # checked by JupyterHandler, once it is known who asks and how
    }
