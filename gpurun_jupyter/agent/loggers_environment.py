"""Where loggers write that a run's code may use: into its workspace, in which they are read, unless the user says else.

W&B without an account would ask for one, and in a run nobody answers: it logs offline. Whoever has a key, a mode or a
login of their own keeps them. https://docs.wandb.ai/guides/track/environment-variables/
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

_OF_WANDB = ("WANDB_MODE", "WANDB_API_KEY", "WANDB_DISABLED", "WANDB_IDENTITY_TOKEN_FILE")
_LOGDIR = "TENSORBOARD_LOGDIR"
_WANDB_HOST = "api.wandb.ai"
#: As torch's SummaryWriter has it by default.
_RUNS = "runs"


def loggers_environment(env: Mapping[str, str], work: Path) -> dict[str, str]:
    """Variables for a run with this environment that works in `work`; none that it has already."""
    found = {}
    if _LOGDIR not in env:
        found[_LOGDIR] = str(work / _RUNS)
    if not any(name in env for name in _OF_WANDB) and not _has_login(env):
        found["WANDB_MODE"] = "offline"
        if "WANDB_DIR" not in env:
            found["WANDB_DIR"] = str(work)
    return found


def _has_login(env: Mapping[str, str]) -> bool:
    """Whether W&B finds an account in netrc or in its settings."""
    home = Path(env.get("HOME") or "/nonexistent")
    host = urlsplit(env.get("WANDB_BASE_URL", "")).hostname or _WANDB_HOST
    netrc = [Path(env["NETRC"])] if "NETRC" in env else [home / ".netrc", home / "_netrc"]
    config = Path(env.get("WANDB_CONFIG_DIR") or home / ".config" / "wandb")
    if any(f"machine {host}" in " ".join(_text(file).split()) for file in netrc):
        return True
    settings = _text(config / "settings").splitlines()
    return any(line.partition("=")[0].strip() in ("mode", "api_key", "disabled") for line in settings)


def _text(file: Path) -> str:
    with contextlib.suppress(OSError):
        return file.read_text(encoding="utf-8", errors="replace")
    return ""
