"""Refusals as MLflow's clients expect them: `{"error_code": ..., "message": ...}` with an HTTP status.

The codes are those of mlflow/protos/databricks.proto; clients compare them.
"""

from __future__ import annotations

from http import HTTPStatus

from gpurun_jupyter.core.errors import GpurunError

INVALID = "INVALID_PARAMETER_VALUE"
NOT_FOUND = "RESOURCE_DOES_NOT_EXIST"
EXISTS = "RESOURCE_ALREADY_EXISTS"
NO_ENDPOINT = "ENDPOINT_NOT_FOUND"
DENIED = "PERMISSION_DENIED"
UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"
INTERNAL = "INTERNAL_ERROR"

_STATUS = {
    INVALID: HTTPStatus.BAD_REQUEST,
    NOT_FOUND: HTTPStatus.NOT_FOUND,
    EXISTS: HTTPStatus.BAD_REQUEST,
    NO_ENDPOINT: HTTPStatus.NOT_FOUND,
    DENIED: HTTPStatus.FORBIDDEN,
    UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    INTERNAL: HTTPStatus.INTERNAL_SERVER_ERROR,
}
_CODES = {
    HTTPStatus.NOT_FOUND: NOT_FOUND,
    HTTPStatus.FORBIDDEN: DENIED,
    HTTPStatus.SERVICE_UNAVAILABLE: UNAVAILABLE,
}


class Refused(Exception):
    """Raised for a request that is not carried out; `code` is one of the words above."""

    def __init__(self, message: str, code: str = INVALID, status: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        #: The HTTP status of the answer.
        self.status = int(_STATUS[code] if status is None else status)

    @property
    def body(self) -> dict[str, str]:
        """The body of the answer."""
        return {"error_code": self.code, "message": self.message}


def refusal_of(error: GpurunError) -> Refused:
    """An error of ours in their words, with its own status: clients try again what has some of those above 500."""
    usual = INVALID if error.status < HTTPStatus.INTERNAL_SERVER_ERROR else INTERNAL
    return Refused(str(error), _CODES.get(HTTPStatus(error.status), usual), error.status)
