"""What is said under a cell whose run lacked a name that the notebook has."""

from __future__ import annotations

import collections
import functools
import math
import os.path
from typing import Any

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell
from unit.client_fake import ended

from gpurun_jupyter.notebook.hints import for_missing_name


class Net:
    """Stands for what a notebook defines."""

    def load(self) -> None: ...


Net.__module__ = "__main__"


def of_the_notebook() -> None: ...


of_the_notebook.__module__ = "__main__"

NAMESPACE: dict[str, Any] = {
    "y": [1, 2],
    "größe": 3,
    "z": {"a": np.arange(3)},
    "net": Net(),
    "Net": Net,
    "f": of_the_notebook,
    "cached": functools.lru_cache(of_the_notebook),
    "load": Net().load,
    "np": np,
    "path": os.path,
    "linalg": np.linalg,
    "sqrt": math.sqrt,
    "root": math.sqrt,
    "sine": np.sin,
    "Counter": collections.Counter,
    "show": print,
    "partly": functools.partial(print, 1),
}


@pytest.fixture(scope="module")
def shell() -> InteractiveShell:
    made = InteractiveShell()
    made.user_ns.update(NAMESPACE)
    return made


def hint(
    shell: InteractiveShell,
    name: str,
    code: str = "",
    *,
    more: str = "",
    traceback: str = "",
    present: tuple[str, ...] = (),
    alone: bool = False,
) -> str:
    record = ended("failed", "exception", message=f"NameError: name '{name}' is not defined{more}")
    return for_missing_name(record, [traceback], code or name, shell, present, alone=alone)


def one(name: str) -> str:
    return f"{name} is a variable of this notebook, which a run does not see: `--in {name}` brings it."


@pytest.mark.parametrize(
    "more",
    [
        "",
        ". Did you mean: 'x'?",
        ". Did you forget to import 'y'?",
        ". Did you mean: 'x'? Or did you forget to import 'y'?",
    ],
)
def test_a_variable_comes_with_in(shell: InteractiveShell, more: str) -> None:
    assert hint(shell, "y", more=more) == one("y")
    assert hint(shell, "größe", more=more) == one("größe")


READINGS: dict[str, str] = {
    "y + z": "--in y,z",
    "y; y; z": "--in y,z",
    "print(z, y)": "--in y,z",  # the one that it failed for first
    "def f():\n    return y + z\nf()": "--in y,z",
    "[z for _ in y]": "--in y,z",
    "y, (lambda z: z)(1)": "--in y",
    "y; z = 1": "--in y",
    "import z; y": "--in y",
    "from a import b as z; y": "--in y",
    "y\nfor z in range(3): z": "--in y",
    "y\ntry:\n    pass\nexcept E as z:\n    z": "--in y",
    "y\nmatch y:\n    case [z, *net]: z": "--in y",
    "from a import *\ny, z": "--in y",
    "y.z; dict(z=1)": "--in y",
    "dict(z=z, y=y)": "--in y,z",
    "f'{y} {z}'": "--in y,z",
    "y, len, undefined, In, _": "--in y",
    "%time y\nz": "--in y,z",
    "!echo {y}\nz": "--in y,z",
    "await y(z)": "--in y,z",
    "y +": "--in y",  # a cell of which nothing can be told
}


@pytest.mark.parametrize("code", READINGS)
def test_what_else_the_cell_reads_is_named_at_once(shell: InteractiveShell, code: str) -> None:
    assert f"`{READINGS[code]}` brings" in hint(shell, "y", code)


def test_several(shell: InteractiveShell) -> None:
    assert hint(shell, "y", "y, z") == (
        "y and z are variables of this notebook, which a run does not see: `--in y,z` brings them."
    )
    assert hint(shell, "y", "y, z", alone=True) == hint(shell, "y", "y, z", present=("z",)) == one("y")
    assert hint(shell, "np", "np.mean(y)") == (
        f"np is a module that this notebook has imported: `import numpy as np` in the cell brings it. {one('y')}"
    )


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("np", "import numpy as np"),
        ("path", "import posixpath as path"),
        ("linalg", "import numpy.linalg as linalg"),
        ("sqrt", "from math import sqrt"),
        ("root", "from math import sqrt as root"),
        ("sine", "from numpy import sin as sine"),
        ("Counter", "from collections import Counter"),
    ],
)
def test_what_was_imported_is_imported_again(shell: InteractiveShell, name: str, line: str) -> None:
    said = hint(shell, name)
    assert f"`{line}` in the cell brings it." in said
    assert "--in" not in said
    exec(line, found := {})
    assert found[name] is NAMESPACE[name]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("f", "function"), ("Net", "class"), ("load", "function"), ("cached", "function"), ("show", "function")],
)
def test_what_the_notebook_defines_is_defined_in_the_cell(shell: InteractiveShell, name: str, kind: str) -> None:
    assert hint(shell, name).startswith(f"{name} is a {kind} of this notebook: define it in the cell")
    assert "--in" not in hint(shell, name)


def test_what_no_safe_format_takes_needs_pickle(shell: InteractiveShell) -> None:
    for name in ("net", "partly"):
        assert f"`--in {name} --pickle` brings it." in hint(shell, name)


NOT_THE_CELL = "---> 3 run()\nCell In[1], line 3\n\nFile ~/model.py:4, in run()\n    3 def run():\n----> 4     y\n"
ITS_OWN = (
    "Cell In[1], line 2\n      1 x = 1\n----> 2 y\n",
    "\x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[1]\x1b[39m\x1b[32m, line 2\x1b[39m\n",
    "In[4], line 6\n      6 y\n",
    "Input In [1], in <cell line: 1>()\n----> 1 y\n",
    "File ~/model.py:4, in run(f)\n----> 4     f()\nCell In[1], line 2, in f()\n      2     y\n",
    "File <string>:1\n",
)


def test_a_name_that_a_module_lacks_is_none_of_the_cell(shell: InteractiveShell) -> None:
    assert hint(shell, "y", traceback=NOT_THE_CELL) == ""


@pytest.mark.parametrize("traceback", ITS_OWN)
def test_a_name_that_the_cell_lacks(shell: InteractiveShell, traceback: str) -> None:
    assert hint(shell, "y", traceback=traceback) == one("y")


@pytest.mark.parametrize(
    "message",
    [
        "UnboundLocalError: cannot access local variable 'y' where it is not associated with a value",
        "UnboundLocalError: local variable 'y' referenced before assignment",
        "NameError: cannot access free variable 'y' where it is not associated with a value in enclosing scope",
        "AttributeError: module 'y' has no attribute 'z'",
        "KeyError: 'y'",
        "ValueError: name 'y' is not defined",
    ],
)
def test_other_errors_get_no_hint(shell: InteractiveShell, message: str) -> None:
    assert for_missing_name(ended("failed", "exception", message=message), [], "y", shell, (), alone=False) == ""


@pytest.mark.parametrize("name", ["nobody", "In", "Out", "_", "get_ipython", "exit"])
def test_what_the_notebook_has_not_or_every_one_has(shell: InteractiveShell, name: str) -> None:
    assert hint(shell, name) == ""


def test_what_the_run_had_is_not_said(shell: InteractiveShell) -> None:
    assert hint(shell, "y", "del y; y", present=("y",)) == ""


def test_a_run_that_was_stopped_gets_no_hint(shell: InteractiveShell) -> None:
    record = ended("cancelled", "cancelled_by", message="NameError: name 'y' is not defined")
    assert for_missing_name(record, [], "y", shell, (), alone=False) == ""
