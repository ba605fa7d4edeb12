from __future__ import annotations

from pathlib import Path

import pytest

from gpurun_jupyter.agent.kernels.start_failures import not_started

DIED = "Kernel died before replying to kernel_info."
SHADOWED = """\
Traceback (most recent call last):
  File "/usr/lib/python3.11/enum.py", line 3, in <module>
    from types import MappingProxyType, DynamicClassAttribute
ImportError: cannot import name 'MappingProxyType' from 'types' ({}/types.py)
"""


def said(printed: str, folder: Path) -> str:
    return str(not_started("python3", DIED, printed, folder))


def test_the_module_that_the_kernel_named_is_the_reason(tmp_path: Path) -> None:
    (tmp_path / "types.py").touch()
    (tmp_path / "random.py").touch()
    reason = said(SHADOWED.format(tmp_path), tmp_path)
    assert "did not start: ImportError: cannot import name 'MappingProxyType' from 'types'" in reason
    assert reason.endswith("The reason is the run's own types.py, which Python imports for its own: rename it.")


def test_a_package_is_named_too(tmp_path: Path) -> None:
    (tmp_path / "logging").mkdir()
    (tmp_path / "logging" / "__init__.py").touch()
    reason = said(f"  File \"{tmp_path}/logging/__init__.py\", line 1\nNameError: name 'x' is not defined\n", tmp_path)
    assert "the run's own logging," in reason


@pytest.mark.parametrize("name", ["train.py", "types.txt", "json", "typesetting.py"])
def test_what_python_does_not_take_for_its_own_is_no_reason(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert said(SHADOWED.format("/usr/lib/python3.11"), tmp_path).endswith("(/usr/lib/python3.11/types.py).")


def test_where_the_kernel_said_nothing_they_may_be_the_reason(tmp_path: Path) -> None:
    assert said("", tmp_path) == f"The kernel 'python3' did not start: {DIED}"
    (tmp_path / "json.py").touch()
    assert said("Fatal error\n", tmp_path) == "The kernel 'python3' did not start: Fatal error."
    assert said(" \n", tmp_path) == (
        f"The kernel 'python3' did not start: {DIED} Modules of the run have names of Python's own, and may be the "
        "reason: rename json.py."
    )
