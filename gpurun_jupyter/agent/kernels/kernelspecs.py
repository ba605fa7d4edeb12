"""The Jupyter kernels that this machine has."""

from __future__ import annotations

import sys

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

from gpurun_jupyter.core.errors import FileMissing, InvalidRequest

_OWN_ARGUMENTS = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]


def kernelspec(name: str) -> KernelSpec:
    """The kernelspec of this name. Raises FileMissing, naming those there are."""
    specs = KernelSpecManager()
    try:
        return specs.get_kernel_spec(name)
    except NoSuchKernel:
        there = ", ".join(sorted(specs.find_kernel_specs()))
        raise FileMissing(f"This agent has no kernel {name!r}.", f"It has: {there}.") from None


def python_of(name: str) -> str:
    """The interpreter of a Python kernelspec. Raises FileMissing and InvalidRequest."""
    spec = kernelspec(name)
    if spec.language.lower() != "python":
        raise InvalidRequest(f"The kernel {name!r} is not a Python.", "Name a Python kernel to run a .py file.")
    return str(spec.argv[0])


def is_own(name: str) -> bool:
    """Whether this kernelspec is ipykernel in the interpreter that runs now, so that a fork of it will do."""
    try:
        spec = KernelSpecManager().get_kernel_spec(name)
    except NoSuchKernel:
        return False
    python, *arguments = spec.argv
    return arguments == _OWN_ARGUMENTS and not spec.env and _is_this_python(python)


def own_kernels() -> list[str]:
    """The names of the kernelspecs that are ipykernel in the interpreter that runs now."""
    return [name for name in KernelSpecManager().find_kernel_specs() if is_own(name)]


def _is_this_python(path: str) -> bool:
    """Jupyter takes a bare `python` in a kernelspec for the interpreter that it runs in itself."""
    version = sys.version_info
    bare = {"python", f"python{version.major}", f"python{version.major}.{version.minor}"}
    return path in bare or path == sys.executable
