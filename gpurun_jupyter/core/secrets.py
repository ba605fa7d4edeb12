"""What nobody is shown: the values of a run's secrets, and variables of its environment that look like secrets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import msgspec

from gpurun_jupyter.core.errors import InvalidRequest
from gpurun_jupyter.core.labels import PRIVATE

if TYPE_CHECKING:
    from gpurun_jupyter.core.runs import RunSpec

#: What is shown in the place of a secret.
MASK = "***"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VALUE = re.compile(r"[^\x00\ud800-\udfff]{1,65536}")
# MAX_TOKENS and TOKENIZERS_PARALLELISM are no secrets.
_NAMES = re.compile(
    r"TOKEN(?!S|IZ)|SECRET|PASSW(OR)?D|PASSPHRASE|CREDENTIAL|(API|ACCESS|PRIVATE|AUTH|ACCOUNT)_?KEY", re.IGNORECASE
)
# Keys of Hugging Face, OpenAI, GitHub, GitLab, Slack, AWS and Google, PEM, addresses with a password, JSON web tokens.
_VALUES = re.compile(
    r"\b(hf_|sk-|gh[opsur]_|github_pat_|glpat-|xox[abprs]-)[\w-]{8}|\b(AKIA|ASIA)[0-9A-Z]{12}|\bAIza[\w-]{30}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY|://[^/@\s:]*:[^/@\s]+@|\beyJ[\w-]{8,}\.eyJ[\w-]{8,}"
)
#: Switches, whatever they are called.
_NO_SECRETS = ("", "0", "1", "true", "false", "yes", "no", "on", "off", "none")


def check(spec: RunSpec) -> None:
    """Whether variables and secrets can be such. Raises InvalidRequest, which repeats no value."""
    bad = [name for name in spec.env if not _NAME.fullmatch(name)]
    if bad or any("\0" in value for value in spec.env.values()):
        what = repr(bad[0]) if bad else "A value"
        raise InvalidRequest(f"{what} cannot be an environment variable.", "Use NAME=value.")
    for name in spec.secrets:
        if not _NAME.fullmatch(name):  # it may be a value, put down in the wrong place
            raise InvalidRequest("A secret has a name of letters, digits and _.", "Use NAME=value.")
        if name in spec.env:
            raise InvalidRequest(f"{name} is both a variable and a secret.", "Leave one of them out.")
    values = spec.secrets if isinstance(spec.secrets, dict) else {}
    if bad := [name for name, value in values.items() if not _VALUE.fullmatch(value)]:
        raise InvalidRequest(f"The secret {bad[0]} is empty, too long or no text.", "It has up to 65,536 characters.")


def needed_on(spec: RunSpec) -> str | None:
    """What `on` says, and that secrets go only to machines to which they can be sent unseen."""
    return ",".join(filter(None, (spec.on, PRIVATE))) if spec.secrets else spec.on


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable seems to hold a secret, by its name or by the shape of its value."""
    return value.lower() not in _NO_SECRETS and bool(_NAMES.search(name) or _VALUES.search(value))


def as_shown(spec: RunSpec) -> RunSpec:
    """The spec as people are shown it; what is carried out, and run again, is the whole one."""
    known = spec.show_env
    env = {name: MASK for name, value in spec.env.items() if name not in known and looks_secret(name, value)}
    values = {} if spec.passing != "env" else spec.values
    hidden = {name: MASK for name, value in values.items() if name not in known and looks_secret(name, str(value))}
    names = list(spec.secrets)
    if not env and not hidden and names == spec.secrets:
        return spec
    return msgspec.structs.replace(spec, env=spec.env | env, values=spec.values | hidden, secrets=names)


def unmasked(env: Mapping[str, str], before: Mapping[str, str]) -> dict[str, str]:
    """Variables as they were shown, with the values that they had."""
    return {name: before.get(name, value) if value == MASK else value for name, value in env.items()}


def parted(spec: RunSpec) -> tuple[RunSpec, dict[str, str]]:
    """A spec with the names of its secrets alone, and their values. Raises InvalidRequest where these are missing."""
    if masked := [name for name, value in spec.env.items() if value == MASK]:
        raise InvalidRequest(
            f"The value of {masked[0]} is {MASK}, which stands for one that is not shown.",
            f"Give the value, or let it be a secret: --secret {masked[0]}.",
        )
    if not isinstance(spec.secrets, dict):
        if spec.secrets:
            raise values_missing(spec.secrets)
        return spec, {}
    return msgspec.structs.replace(spec, secrets=sorted(spec.secrets)), spec.secrets


def values_missing(names: Iterable[str]) -> InvalidRequest:
    """The refusal of a run whose secrets have no values: those of a run are kept no longer than it lasts."""
    listed = ", ".join(sorted(names))
    return InvalidRequest(
        f"The run has secrets without values: {listed}. They are kept only until a run has ended.",
        'Give them: --secret NAME, Python secrets={"NAME": value}, HTTP "secrets": {"NAME": "value"}.',
    )
