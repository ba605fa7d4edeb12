"""What the Hub's users may do in the service: everything of gpurun, and nothing else that a Jupyter server offers."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth import User
from jupyterhub.singleuser.extension import JupyterHubAuthorizer

from gpurun_server.http.base import AUTH_RESOURCE


class OnlyGpurun(JupyterHubAuthorizer):
    """Kernels, files, terminals and the end of the server belong to nobody who comes by the Hub."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        """Whether it is gpurun's, and the user has the Hub's scope for this service."""
        return resource == AUTH_RESOURCE and bool(super().is_authorized(handler, user, action, resource))
