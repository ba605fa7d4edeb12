"""Code that tells a Python kernel which runs already the variables and the directory of another attempt.

It does what `forked_app.Taking` does in a forked kernel, with nothing of gpurun: any environment may be the kernel's.
"""

from __future__ import annotations

import os
from typing import NamedTuple

_CODE = """\
import os, sys

def here():
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None

def move(before, env, left, cwd):
    for name in before.keys() - env.keys():
        if os.environ.get(name) == before[name]:
            del os.environ[name]
    os.environ.update({key: value for key, value in env.items() if before.get(key) != value})
    if here() in (left, None):
        os.chdir(cwd)
        if "multiprocessing.process" in sys.modules:
            sys.modules["multiprocessing.process"].ORIGINAL_DIR = os.getcwd()  # spawned ones import there
"""


class Told(NamedTuple):
    """What a kernel was told for an attempt: all its variables, its directory."""

    env: dict[str, str]
    cwd: str


def telling(before: Told, now: Told) -> str:
    """Variables that the attempt before had and this one has not are taken away; what the user set stays.

    A user who went elsewhere stays there. No name of it is left in the user's namespace.
    """
    # what a process sees as its directory has no links
    call = f"move({before.env!r}, {now.env!r}, {os.path.realpath(before.cwd)!r}, {now.cwd!r})"
    return f"exec({_CODE + call!r}, {{}})"
