"""Hyperparameters that are files of YAML: Lightning's hparams.yaml, ultralytics' args.yaml, Hydra's config.yaml."""

from __future__ import annotations

from typing import Any, ClassVar

from gpurun_jupyter.progress.readers.files import flat
from gpurun_jupyter.progress.readers.files.found import UNREADABLE, Damaged, Found, Parameters, Reader, Value

_LONGEST_BYTES = 100_000
#: Of a file with aliases, which can make much of little.
_MOST_NODES = 20_000


class ParameterFile(Reader):
    """Tells the parameters of a file, again when they have changed; `separator` joins the names of nested ones."""

    by: ClassVar[str] = "files/parameters"
    whole: ClassVar[bool] = True

    def __init__(self, separator: str) -> None:
        super().__init__()
        self._separator = separator
        self._told: dict[str, Value] = {}

    def _take(self, data: bytes, found: list[Found]) -> None:
        tree = _read_yaml(data) if len(data) <= _LONGEST_BYTES else {}
        values = flat.parameters(tree, self._separator, own=True)
        if values and values != self._told:
            self._told = values
            found.append(Parameters(values))


def _read_yaml(data: bytes) -> dict[str, Any]:
    """The mapping that the file is; an empty one if it is none, or not yet. Objects of Python in it are passed over."""
    from gpurun_jupyter.core.formats.yaml12 import Loader, Unreadable

    try:
        tree = _Tree().of(Loader(data.decode()).get_single_node())
    except (*UNREADABLE, Unreadable):
        return {}
    return tree if isinstance(tree, dict) else {}


class _Tree:
    """Plain values of YAML's nodes."""

    def __init__(self) -> None:
        self._left = _MOST_NODES

    def of(self, node: Any) -> Any:
        """The value of a node, None for what is none. Raises what is UNREADABLE."""
        from gpurun_jupyter.core.formats.yaml12 import CONSTRUCTED, TAG

        self._left -= 1
        if self._left < 0:
            raise Damaged
        kind = node.tag.removeprefix(TAG) if node is not None and node.tag.startswith(TAG) else ""
        if kind == "map":
            return {str(self.of(key)): self.of(value) for key, value in node.value}
        if kind == "seq":
            return [self.of(item) for item in node.value]
        if kind == "str":
            return node.value
        return CONSTRUCTED[kind](node.value) if kind in CONSTRUCTED else None
