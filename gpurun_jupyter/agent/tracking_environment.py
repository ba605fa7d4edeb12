"""Where a run's MLflow clients log, unless the user says else: to the door of the run itself.

https://mlflow.org/docs/latest/api_reference/cli.html has the variables. MLFLOW_RUN_ID is never set: a script that calls
`set_experiment` or `set_tracking_uri` itself would then fail.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

#: How the address of each of our doors ends.
PATH = "/gpurun/mlflow"

_URI = "MLFLOW_TRACKING_URI"
_CREDENTIALS = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
_EXPERIMENT = ("MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")
#: The address that a client prints after each run leads to pages that are not there.
_QUIET = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"
_PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
_BYPASS = ("no_proxy", "NO_PROXY")
_LOOPBACK = "127.0.0.1"


def tracks_elsewhere(env: Mapping[str, str], own: Collection[str]) -> str | None:
    """The tracking server that this environment names; None where there is none, or one of our own doors.

    A run that brings credentials, by its `own` variables, needs them for a server that its code names.
    """
    uri = env.get(_URI, "")
    if uri and not urlsplit(uri).path.rstrip("/").endswith(PATH):
        return uri
    return "" if any(name in own for name in _CREDENTIALS) else None


def linked(uri: str) -> str:
    """What a run says of the tracking server to which it logs; nothing of one without an address, and no password."""
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https"):
        return ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def tracking_environment(env: Mapping[str, str], url: str, token: str, project: str) -> dict[str, str]:
    """Variables that lead a run with this environment to `url`. The credentials of another server are no use there."""
    found = {_URI: url, **dict(zip(_CREDENTIALS, (token, "", ""), strict=True))}
    if not any(env.get(name) for name in _EXPERIMENT):
        found[_EXPERIMENT[0]] = project
    if _QUIET not in env:
        found[_QUIET] = "true"
    if any(env.get(name) for name in _PROXIES):
        found |= {name: ",".join(filter(None, (env.get(name), _LOOPBACK))) for name in _BYPASS}
    return found
