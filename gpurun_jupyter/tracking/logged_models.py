"""Models that code has logged, registered or not: MLflow 3 knows each by an id. A run keeps them among its facts."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from gpurun_jupyter.tracking.answers import artifact_uri, pairs

#: The facts of a run that say which it has logged; behind it stands the id.
FACT = "mlflow.model."
PENDING, READY = "LOGGED_MODEL_PENDING", "LOGGED_MODEL_READY"


class LoggedModel(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A logged model; its files are artifacts of the run `root`."""

    id: str
    name: str
    root: str
    experiment_id: str
    run: str = ""
    type: str = ""
    status: str = PENDING
    created_ms: int = 0
    updated_ms: int = 0
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    is_alone: bool = False  # its run was made for it

    @property
    def fact(self) -> dict[str, str]:
        """What its run says of it."""
        return {FACT + self.id: msgspec.json.encode(self).decode()}

    @property
    def message(self) -> dict[str, Any]:
        """LoggedModel of mlflow/protos/service.proto."""
        info = {
            "model_id": self.id,
            "experiment_id": self.experiment_id,
            "name": self.name,
            "creation_timestamp_ms": self.created_ms,
            "last_updated_timestamp_ms": self.updated_ms,
            "artifact_uri": artifact_uri(self.root, self.id),
            "status": self.status,
            "model_type": self.type,
            "source_run_id": self.run,
            "tags": pairs(self.tags),
        }
        return {"info": info, "data": {"params": pairs(self.params), "metrics": []}}


def new_model_id() -> str:
    """As MLflow makes them."""
    return f"m-{secrets.token_hex(16)}"


def model_in(fact: str) -> LoggedModel:
    """The model that a fact says. Raises msgspec.MsgspecError."""
    return msgspec.json.decode(fact, type=LoggedModel)
