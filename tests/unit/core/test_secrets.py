"""What looks like a secret, and how a run is shown that has some."""

from __future__ import annotations

import pytest

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.launch.check import check, parse
from gpurun_jupyter.core.run_checks import check_run
from gpurun_jupyter.core.runs import RunSpec
from gpurun_jupyter.core.secrets import as_shown, looks_secret, parted, unmasked


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[(name, "x1") for name in ("HF_TOKEN", "token", "GITHUB_TOKEN_2", "DB_PASSWORD", "PGPASSWD", "X_API_KEY")],
        *[
            (name, "x1")
            for name in ("APIKEY", "AWS_SECRET_ACCESS_KEY", "MY_CREDENTIALS", "MY_SECRET", "ssh_passphrase")
        ],
        *[("X", value) for value in ("hf_abcdefgh1", "sk-proj-abcd1234", "ghp_abcdefgh12", "AKIAIOSFODNN7EXAMPLE")],
        *[("X", value) for value in ("postgres://me:pw@host/db", "redis://:pw@h", "a http://u:p@h", "xoxb-12345678")],
        ("X", "-----BEGIN RSA PRIVATE KEY-----\nabc"),
    ],
)
def test_this_looks_like_a_secret(name: str, value: str) -> None:
    assert looks_secret(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("LR", "0.1"), ("MAX_TOKENS", "512"), ("TOKENIZERS_PARALLELISM", "false"), ("TOKENIZER", "bpe")],
        *[("URL", "https://example.org/a"), ("X", "a@b:c"), ("PATH", "/usr/bin"), ("KEYS", "a"), ("USE_TOKEN", "true")],
        *[("X", "sk-learn"), ("PASSWORD", ""), ("MODEL", "hf_x")],
    ],
)
def test_this_does_not(name: str, value: str) -> None:
    assert not looks_secret(name, value)


def test_a_spec_is_shown_without_what_looks_secret_and_stays_whole() -> None:
    spec = RunSpec(
        code="1", env={"A_TOKEN": "a1", "B_TOKEN": "b1", "LR": "1"}, show_env=["B_TOKEN"], secrets={"S": "x"}
    )
    shown = as_shown(spec)
    assert shown.env == {"A_TOKEN": "***", "B_TOKEN": "b1", "LR": "1"}
    assert shown.secrets == ["S"]
    assert spec.env["A_TOKEN"] == "a1"
    assert unmasked(shown.env, spec.env) == spec.env
    values = RunSpec(code="1", values={"api_key": "k1", "lr": 1}, values_as="env")
    assert as_shown(values).values == {"api_key": "***", "lr": 1}


def test_names_and_values_part() -> None:
    spec, values = parted(RunSpec(code="1", secrets={"B": "2", "A": "1"}))
    assert (spec.secrets, values) == (["A", "B"], {"A": "1", "B": "2"})
    assert parted(RunSpec(code="1")) == (RunSpec(code="1"), {})
    with pytest.raises(InvalidRequest, match="secrets without values: A"):
        parted(RunSpec(code="1", secrets=["A"]))
    with pytest.raises(InvalidRequest, match="one that is not shown"):
        parted(RunSpec(code="1", env={"A": "***"}))


@pytest.mark.parametrize(
    "secrets",
    [{"A B": "zz9"}, {"": "zz9"}, {"A": ""}, {"A": "zz9\0"}, {"A": "zz9\ud800"}, {"A": "zz9" * 30000}, {"E": "zz9"}],
)
def test_what_is_no_secret_is_refused_and_not_repeated(secrets: dict[str, str]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        check_run(RunSpec(code="1", env={"E": "1"}, secrets=secrets))
    assert "zz9" not in f"{refused.value} {refused.value.hint}"


@pytest.mark.parametrize("said", ["{KEY: zz-9}", "[KEY=zz-9]", "[{KEY: zz-9}]", "KEY=zz-9"])
def test_a_launch_file_names_secrets_and_says_no_values(said: str) -> None:
    (problem, *_) = check(f"entry: a.py\nsecrets: {said}\n").problems
    assert problem.line == 2
    assert "names" in (problem.message + problem.hint).lower()
    assert parse("entry: a.py\nsecrets: [KEY]\n").secrets == ["KEY"]
