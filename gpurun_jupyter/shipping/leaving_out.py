"""What of a directory is not shipped: what .gitignore and .gpurunignore say, junk, and what looks like a secret."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from gpurun_jupyter.core.errors import InvalidRequest

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

GITIGNORE, OWN = ".gitignore", ".gpurunignore"

#: Left out wherever they stand: other programs make them, and no run needs them.
JUNK = frozenset(
    {".git", ".hg", ".svn", ".DS_Store", "__pycache__", ".ipynb_checkpoints", ".venv", "node_modules"}
    | {".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox"}
)

_SECRET = re.compile(
    r"""(?:^|/)(?:
    \.env(?:\.(?!example$|sample$|template$|dist$)[^/]*)?
    | [^/]*\.(?:pem|key|p12|pfx|ppk|jks|keystore|kdbx)
    | id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?
    | \.netrc | _netrc | \.pypirc | \.pgpass | \.my\.cnf | \.htpasswd | \.git-credentials
    | credentials(?:\.(?:json|ya?ml|toml|ini|csv))? | secrets?\.(?:json|ya?ml|toml|ini)
    | (?:client[-_]secret|service[-_]account)[^/]*\.json | kaggle\.json
    | \.?token(?:\.(?:txt|json))? | [^/]*\.token
    | [^/]*(?:api|access|auth|secret|private|hf|huggingface|wandb|github|gitlab|openai)[-_]?(?:key|token)
      (?:\.(?:txt|json|ya?ml))?
    | \.(?:aws|ssh|gnupg|azure|kube)/.+ | \.docker/config\.json
    )$""",
    re.VERBOSE | re.IGNORECASE,
)


def looks_secret(name: str) -> bool:
    """Whether a file's path, with slashes, is one that keys, passwords and tokens usually have."""
    return _SECRET.search(name) is not None


class Rules(NamedTuple):
    """The ignore files from the directory that is shipped down to one in it."""

    git: tuple[_IgnoreFile, ...] = ()
    own: tuple[_IgnoreFile, ...] = ()

    def within(self, folder: str, name: str, *, gitignore: bool = True) -> Rules:
        """These and those of `folder`, which is `name` with a slash in what is shipped. Raises InvalidRequest."""
        git = _read(folder, name, GITIGNORE) if gitignore else ()
        return Rules(self.git + git, self.own + _read(folder, name, OWN))

    def why_left_out(self, name: str, is_dir: bool) -> str:
        """Which rule leaves it out; empty if none does. .gpurunignore has the last word, over junk too."""
        asked = name + "/" if is_dir else name
        for ignores in reversed(self.own):
            if (verdict := ignores.verdict(asked)) is not None:
                return ignores.name if verdict else ""
        if name.rpartition("/")[2] in JUNK:
            return "never shipped"
        for ignores in reversed(self.git):
            if (verdict := ignores.verdict(asked)) is not None:
                return ignores.name if verdict else ""
        return ""

    def allows_secret(self, name: str) -> bool:
        """Whether a .gpurunignore says `!` of this very file; of a directory that it lies in is not enough."""
        return any(ignores.names(name) for ignores in reversed(self.own))


class _IgnoreFile(NamedTuple):
    """An ignore file: its path in what is shipped, that of its directory with a slash, its lines."""

    name: str
    base: str
    spec: GitIgnoreSpec
    lines: list[str]

    def verdict(self, name: str) -> bool | None:
        """Whether it ignores the path; None if it says nothing of it."""
        return self.spec.check_file(name[len(self.base) :]).include

    def names(self, name: str) -> bool:
        found = self.spec.check_file(name[len(self.base) :])
        if found.include is not False or found.index is None:
            return False
        last = self.lines[found.index].rstrip().rpartition("/")[2].lstrip("!")
        return bool(last.strip("*")) and fnmatch(name.rpartition("/")[2], last)


def _read(folder: str, name: str, file_name: str) -> tuple[_IgnoreFile, ...]:
    try:
        text = Path(folder, file_name).read_text("utf-8", "replace")
    except (FileNotFoundError, IsADirectoryError):
        return ()
    except OSError as error:
        raise InvalidRequest(f"{folder}/{file_name} cannot be read ({error.strerror}).", "Make it readable.") from error
    from pathspec import GitIgnoreSpec

    lines = [line for line in text.splitlines() if line]
    try:
        return (_IgnoreFile(name + file_name, name, GitIgnoreSpec.from_lines(lines), lines),)
    except ValueError as error:
        raise InvalidRequest(f"{folder}/{file_name} cannot be understood: {error}.", "Correct that line.") from error
