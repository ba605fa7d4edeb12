"""Every error that gpurun shows to a person: one base class, a sentence, a hint, an HTTP status.

The server turns a `GpurunError` into `{"error": {"code", "message", "hint"}}` with its status; the client turns that
body back into the same class; a magic shows it as one sentence. The docstring of each class says when it is raised.
"""

from __future__ import annotations

from typing import ClassVar


class GpurunError(Exception):
    """Raised for anything that gpurun refuses or cannot do; `hint` says what to do next."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class InvalidRequest(GpurunError):
    """Raised when what was asked for does not make sense: a wrong type, an unknown option, a negative number."""

    code = "invalid_request"


class NoSuchPlace(InvalidRequest):
    """Raised for a cursor that is no place of the run's log: beyond its end, in a line, of an attempt to come."""

    code = "no_such_place"


class RunNotFound(GpurunError):
    """Raised when no run has this id, prefix or name."""

    code = "run_not_found"
    status = 404


class SessionNotFound(GpurunError):
    """Raised when the owner has no session of this name."""

    code = "session_not_found"
    status = 404


class FileMissing(GpurunError):
    """Raised when a named file or directory does not exist."""

    code = "file_not_found"
    status = 404


class RouteMissing(GpurunError):
    """Raised for a path of the HTTP interface that there is not."""

    code = "route_missing"
    status = 404


class AmbiguousRun(GpurunError):
    """Raised when a prefix fits several runs."""

    code = "ambiguous_run"
    status = 409


class WrongState(GpurunError):
    """Raised when a run's state does not allow what was asked, such as cancelling a finished run."""

    code = "wrong_state"
    status = 409


class NoSuchDevices(GpurunError):
    """Raised when no agent could ever give the devices that a run asks for."""

    code = "no_such_devices"
    status = 409


class BadArchive(GpurunError):
    """Raised when a zip is refused: not a zip, paths or links that leave it, device files, a bomb."""

    code = "bad_archive"
    status = 422


class WrongDigest(GpurunError):
    """Raised when bytes arrive that have another sha256 than was said; nothing of them is kept."""

    code = "wrong_digest"
    status = 422


class NotShipped(GpurunError):
    """Raised when the server lacks a blob that a run needs: the client sends what is missing and asks again."""

    code = "not_shipped"
    status = 409


class OutputMissing(GpurunError):
    """Raised when a run has no variable of this name to give."""

    code = "output_missing"
    status = 404


class SecretsFound(GpurunError):
    """Raised when files that are to be shipped look like secrets by their names."""

    code = "secrets_found"


class DataNotFound(GpurunError):
    """Raised when the owner has no data set of this name."""

    code = "data_not_found"
    status = 404


class ModelNotFound(GpurunError):
    """Raised when the owner has no model of this name, or the model no such version or alias."""

    code = "model_not_found"
    status = 404


class ModelInUse(GpurunError):
    """Raised when an alias points to the version that is to be deleted or archived."""

    code = "model_in_use"
    status = 409


class AliasMoved(GpurunError):
    """Raised when an alias points to another version by now than whoever promotes believed."""

    code = "alias_moved"
    status = 409


class BlobDamaged(GpurunError):
    """Raised when stored bytes are missing, or are not those that were stored; none of them are handed out."""

    code = "blob_damaged"
    status = 500


class StorageFull(GpurunError):
    """Raised when the disk of the state directory has no room for what is to be kept; nothing of it is kept."""

    code = "storage_full"
    status = 507


class TooLarge(GpurunError):
    """Raised when a directory or an upload is over the size guard."""

    code = "too_large"
    status = 413


class NotAllowed(GpurunError):
    """Raised when the server refuses the client's token."""

    code = "not_allowed"
    status = 403


class ServerUnreachable(GpurunError):
    """Raised by the client when no Jupyter server with gpurun answers."""

    code = "server_unreachable"
    status = 503


class TrackingFailed(GpurunError):
    """Raised when a tracking server of MLflow's refuses a request; `answer` is its own word for why."""

    code = "tracking_failed"
    status = 502

    def __init__(self, message: str, hint: str = "", answer: str = "") -> None:
        super().__init__(message, hint)
        self.answer = answer


class TrackingUnreachable(TrackingFailed):
    """Raised when a tracking server does not answer, is none, or does not know who asks."""

    code = "tracking_unreachable"


class StorageUnusable(GpurunError):
    """Raised when the state directory or the database cannot be used as it is."""

    code = "storage_unusable"
    status = 503


class NotJoined(GpurunError):
    """Raised when a machine's key or joining token is not, or no longer, one of this server's."""

    code = "not_joined"
    status = 401


class Revoked(NotJoined):
    """Raised when a machine's key was this server's, and somebody has revoked it."""

    code = "revoked"


class AgentNotFound(GpurunError):
    """Raised when no agent that has joined has this id."""

    code = "agent_not_found"
    status = 404


class NotHeld(GpurunError):
    """Raised when an agent speaks of an attempt that it does not hold, or no longer."""

    code = "not_held"
    status = 409


class WrongOffset(GpurunError):
    """Raised when bytes do not continue what the server has; `offset` is where they would."""

    code = "wrong_offset"
    status = 409

    def __init__(self, message: str, hint: str = "", offset: int = 0) -> None:
        super().__init__(message, hint)
        self.offset = offset


class Undelivered(GpurunError):
    """Raised when not all that an attempt left has reached the server; the message names what, and why."""

    code = "undelivered"
    status = 409


class RunFailed(GpurunError):
    """Raised where a result was wanted of a run that did not succeed; `traceback` holds the remote one."""

    code = "run_failed"
    status = 409

    def __init__(self, message: str, hint: str = "", traceback: str = "") -> None:
        super().__init__(message, hint)
        self.traceback = traceback

    def __str__(self) -> str:
        return "\n".join(part for part in (super().__str__(), self.traceback) if part)


def _subclasses(cls: type[GpurunError]) -> list[type[GpurunError]]:
    return [cls, *(below for child in cls.__subclasses__() for below in _subclasses(child))]


def from_code(code: str, message: str, hint: str = "") -> GpurunError:
    """The error that a server's `{"error": {...}}` body stands for; an unknown code gives the base class."""
    by_code = {cls.code: cls for cls in _subclasses(GpurunError)}
    return by_code.get(code, GpurunError)(message, hint)
