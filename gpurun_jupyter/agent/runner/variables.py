"""A run's variables: brought into its kernel before the cell and taken out after it, by silent requests.

What the kernel is told to do is `gpurun_jupyter.values.kernel`; it answers by a file.
"""

from __future__ import annotations

from pathlib import Path

from gpurun_jupyter.agent.kernels.kernelspecs import kernelspec
from gpurun_jupyter.core.errors import GpurunError, InvalidRequest, OutputMissing
from gpurun_jupyter.core.events import Artifact
from gpurun_jupyter.core.grants import Grant
from gpurun_jupyter.core.home import AttemptFolder
from gpurun_jupyter.core.launch.grid import variables
from gpurun_jupyter.core.parameters import as_code
from gpurun_jupyter.core.system.records import read_record
from gpurun_jupyter.core.values import Answer


class Variables:
    """Those of one attempt."""

    def __init__(self, folder: AttemptFolder, grant: Grant) -> None:
        self._folder = folder
        self._spec = grant.spec

    def check(self, kernel: str) -> None:
        """Raises InvalidRequest where there are any and this kernel is not Python."""
        if (self._spec.inputs or self._spec.outputs) and (language := kernelspec(kernel).language.lower()) != "python":
            raise InvalidRequest(
                f"Variables travel only to and from Python; the kernel {kernel!r} is {language}.",
                "Leave --in and --out away, and use files.",
            )

    def bringing_in(self) -> str | None:
        """The code that brings the inputs in; None where there are none."""
        if not self._spec.inputs:
            return None
        paths = {name: str(self._folder.home.blob(digest)) for name, digest in self._spec.inputs.items()}
        return _call("bring_in", str(self._folder.inputs_answer), paths, self._spec.pickle)

    def brought_in(self) -> None:
        """Look at what came of it. Raises GpurunError where the inputs are not in."""
        refused = _answer(self._folder.inputs_answer).refused if self._spec.inputs else None
        if refused is not None:
            raise GpurunError(refused)

    def values(self, kernel: str) -> str | None:
        """The code that sets a cell's values; None where there are none. A notebook has them as its parameters.

        Raises InvalidRequest for a kernel in which nobody has said how.
        """
        values = variables(self._spec)
        if not values or self._spec.notebook is not None:
            return None
        return as_code(values, kernelspec(kernel).language)

    def taking_out(self, *, at_exit: bool) -> str | None:
        """The code that takes the outputs out, when its kernel ends or at once; None where there are none."""
        spec, folder = self._spec, self._folder
        if not spec.outputs:
            return None
        limit_bytes, function = spec.values_limit_bytes, "take_out_at_exit" if at_exit else "take_out"
        return _call(function, str(folder.outputs_answer), str(folder.outputs), spec.outputs, spec.pickle, limit_bytes)

    def taken_out(self) -> list[Artifact]:
        """What the attempt left. Raises OutputMissing where an output could not be kept."""
        answer = _answer(self._folder.outputs_answer) if self._spec.outputs else Answer()
        if answer.refused is not None:
            raise OutputMissing(answer.refused)
        return [
            Artifact(digest=output.digest, size=output.size_bytes, variable=name, type=output.type)
            for name, output in answer.outputs.items()
        ]


def _call(function: str, *arguments: object) -> str:
    """An expression of which nothing stays in the namespace; all arguments are written as Python literals."""
    return f"__import__('gpurun_jupyter.values.kernel', fromlist=['kernel']).{function}{arguments!r}"


def _answer(path: Path) -> Answer:
    unsaid = Answer(refused="The kernel did not say what became of the variables.")
    return read_record(path, Answer) or unsaid
