from __future__ import annotations

from pathlib import Path

import pytest

from gpurun_jupyter.agent.loggers_environment import loggers_environment

WORK = Path("/home/anna/work")
OFFLINE = {"WANDB_MODE": "offline", "WANDB_DIR": "/home/anna/work"}
RUNS = {"TENSORBOARD_LOGDIR": "/home/anna/work/runs"}


def test_loggers_write_into_the_workspace(tmp_path: Path) -> None:
    assert loggers_environment({"HOME": str(tmp_path)}, WORK) == OFFLINE | RUNS


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "WANDB_MODE", "WANDB_DISABLED"])
def test_what_the_user_says_of_wandb_counts(name: str, tmp_path: Path) -> None:
    assert loggers_environment({"HOME": str(tmp_path), name: "x"}, WORK) == RUNS


@pytest.mark.parametrize(
    ("file", "text"),
    [
        (".netrc", "machine api.wandb.ai\n  login user\n  password secret\n"),
        (".config/wandb/settings", "[default]\nmode = online\n"),
        (".config/wandb/settings", "[default]\napi_key = secret\n"),
    ],
)
def test_who_has_logged_in_stays_so(file: str, text: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(text)
    assert loggers_environment({"HOME": str(tmp_path)}, WORK) == RUNS


def test_a_login_elsewhere_is_none_here(tmp_path: Path) -> None:
    (tmp_path / ".netrc").write_text("machine wandb.example\n  login user\n  password secret\n")
    assert "WANDB_MODE" in loggers_environment({"HOME": str(tmp_path)}, WORK)
    assert "WANDB_MODE" not in loggers_environment(
        {"HOME": str(tmp_path), "WANDB_BASE_URL": "https://wandb.example"}, WORK
    )


def test_folders_of_the_users_own_stay(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "TENSORBOARD_LOGDIR": "/tb", "WANDB_DIR": "/wandb"}
    assert loggers_environment(env, WORK) == {"WANDB_MODE": "offline"}
