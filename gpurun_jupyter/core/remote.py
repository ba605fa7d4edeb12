"""What an agent on another machine and its server say to each other beside reports and orders."""

from __future__ import annotations

import contextlib
import ipaddress
from typing import Annotated

import msgspec

from gpurun_jupyter.core.environments import Interpreter, Recorded
from gpurun_jupyter.core.manifests import Digest

#: The header that carries the token of an attempt.
TOKEN_HEADER = "X-Gpurun-Token"  # noqa: S105 - its name
#: The header of a refusal that says where the server's copy ends.
OFFSET_HEADER = "X-Gpurun-Offset"
#: A file travels in pieces of so many bytes, so that a cut costs at most one.
PIECE_BYTES = 8 * 2**20
#: Files up to this size travel many in one request, of at most `PIECE_BYTES`.
SMALL_BYTES = 2**18
#: Of so many files at once is told where they belong; what left more is told of in several requests.
MOST_FILES = 10_000

Size = Annotated[int, msgspec.Meta(ge=0)]


class Join(msgspec.Struct):
    """A machine that wants to join: its host name, what it wants to be called, its gpurun's version."""

    host: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    version: str
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""


class Joined(msgspec.Struct):
    """The answer: the agent's id, and the key that it shows from now on."""

    agent_id: str
    key: str


class Rung(msgspec.Struct):
    """How often the doorbell has rung; only whether it differs means something."""

    rung: int


class Wanted(msgspec.Struct):
    """Blobs that are asked for."""

    digests: list[Digest]


class LeftFile(msgspec.Struct, frozen=True):
    """A file that an attempt left, by its path below the attempt's folder; times are seconds since the epoch.

    Paths here and below are texts, as `report.file_names` writes them: each byte of one may take four characters.
    """

    path: Annotated[str, msgspec.Meta(min_length=1, max_length=4 * 4096)]
    size: Size
    digest: Digest
    modified_at: float
    executable: bool = False


class LeftFiles(msgspec.Struct):
    """Files that an attempt left.

    `checkpoints` are those, by name, whose files are among these, with the time of each: they get their places whole
    or not at all. `kept` are the names of all that the attempt has now; others of its are taken away. `more`: other
    files of these checkpoints follow, told with the same word as `delivery`; they get their places with the last.
    """

    files: Annotated[list[LeftFile], msgspec.Meta(max_length=MOST_FILES)]
    checkpoints: dict[str, float] = {}
    kept: list[str] | None = None
    more: bool = False
    delivery: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{0,32}$(?!\n)")] = ""


class Have(msgspec.Struct, omit_defaults=True):
    """How many bytes of each of these files the server has, by digest.

    `refused` is what its file system cannot hold, such as a path that is too long there: why, by path.
    """

    have: dict[str, int]
    refused: dict[str, str] = {}


class Described(msgspec.Struct):
    """Where an attempt runs; `interpreter` is left out where the server should have it."""

    recorded: Recorded
    interpreter: Interpreter | None = None


class Lacking(msgspec.Struct):
    """Whether the server does not have that interpreter's description: it is to be sent along."""

    lacking: bool


class CheckpointFile(msgspec.Struct, frozen=True):
    """A file of a checkpoint."""

    path: str
    size: int
    modified_at: float


class EarlierCheckpoints(msgspec.Struct):
    """What the newest earlier attempt that had checkpoints left; `attempt` is None where there was none."""

    attempt: int | None = None
    files: list[CheckpointFile] = []
    folders: dict[str, float] = {}  # the checkpoints that are folders, with the time of each


def is_loopback(host: str) -> bool:
    """Whether this is a name or an address of the machine itself, that no packet leaves it for."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback  # behind the % is the interface
    return host == "localhost" or host.endswith(".localhost")
