"""The Jupyter kernels that this machine has."""

from __future__ import annotations

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

from gpurun_jupyter.core.errors import FileMissing, InvalidRequest


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
