"""What of a directory is not shipped: what .gitignore and .gpurunignore say, junk, and what looks like a secret."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

from gpurun_jupyter.shipping import repositories
from gpurun_jupyter.shipping.ignore_files import IgnoreFile, Line, ignoring, read
from gpurun_jupyter.shipping.repositories import GITIGNORE, Listing

OWN = ".gpurunignore"

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
    """What is said of files from the directory that is shipped down to one in it; paths are seen from the former.

    `git` are the rules of its repository, which are seen from that one's top: `above` is the directory's path there.
    `listing` is what git itself says; None where it was not to be asked (`ask`), did not answer, or looked at nothing.
    """

    git: tuple[IgnoreFile, ...] = ()
    own: tuple[IgnoreFile, ...] = ()
    above: str = ""
    ask: bool = False
    listing: Listing | None = None

    @classmethod
    def of(cls, folder: str, *, ask: bool) -> Rules:
        """Those that hold for a directory that is shipped; git is asked, if it is there and `ask` says so."""
        found = repositories.above(Path(folder))
        if found is None:
            return cls(ask=ask)
        return cls(found.rules, (), found.path, ask, repositories.listing(folder, "") if ask else None)

    def within(self, folder: str, name: str, *, gitignore: bool = True) -> Rules:
        """These and those of `folder`, which is `name` with a slash in what is shipped. Raises InvalidRequest."""
        rules = self._replace(own=self.own + read(Path(folder, OWN), name + OWN, name))
        if not gitignore:
            return rules
        path = self.above + name
        return rules._replace(git=rules.git + repositories.gitignore(folder, name + GITIGNORE, path))

    def below(self, folder: str, name: str, *, is_link: bool) -> Rules:
        """Those that hold for a folder called `name`, before its own are read. Raises InvalidRequest.

        A repository in it has rules of its own. Git did not look at what lies behind a link, or was brought back by us.
        """
        if repositories.is_repository(folder):
            listing = repositories.listing(folder, f"{name}/") if self.ask else None
            return self._replace(git=repositories.excluded(folder, f"{self.above}{name}/"), listing=listing)
        brought_back = ignoring(self.own, name, is_dir=True) == ""
        if is_link or (brought_back and self.listing is not None and not self.listing.has(name, is_dir=True)):
            return self._replace(listing=None)
        return self

    def why_left_out(self, name: str, is_dir: bool) -> str:
        """Which rule leaves it out; empty if none does. .gpurunignore has the last word, over junk too."""
        if (own := ignoring(self.own, name, is_dir)) is not None:
            return own
        if name.rpartition("/")[2] in JUNK:
            return "never shipped"
        # Git's listing says what is not ignored, but not which file of rules ignores the rest.
        read_here = ignoring(self.git, self.above + name, is_dir)
        if self.listing is None:
            return read_here or ""
        if self.listing.has(name, is_dir):
            return ""
        return read_here or ("" if is_dir else "git ignores it")  # in a folder, .gpurunignore may bring files back

    def allows_secret(self, name: str) -> bool:
        """Whether a .gpurunignore says `!` of this very file; of a directory that it lies in is not enough."""
        lines = (file.deciding(name, is_dir=False) for file in reversed(self.own))
        return any(line is not None and line.brings_back and _names_one(line) for line in lines)


def _names_one(line: Line) -> bool:
    """Whether a line says a name, rather than whatever there is."""
    last = os.fsdecode(line.text).rpartition("/")[2].lstrip("!")
    return bool(last.strip("*"))
