"""What brings a name into a run that failed for want of it, where the notebook has something of that name."""

from __future__ import annotations

import ast
import builtins
import re
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from types import ModuleType
from typing import Any, TypeAlias

from gpurun_jupyter.core.lifecycle import Reason
from gpurun_jupyter.core.runs import Run as RunRecord
from gpurun_jupyter.views.tail import plain

#: Says what may help a run that ended like this, with this traceback.
Hint: TypeAlias = Callable[[RunRecord, Collection[str]], str]

#: Newer Pythons add what may have been meant.
_NOT_DEFINED = re.compile(r"NameError: name '(\w+)' is not defined")
#: The line above a frame in IPython's tracebacks; what is no file, such as a cell, has no path there.
_FRAME = re.compile(r"^\s*(?:File (?P<path>[^<\s].*)|File <|Cell |Input |In ?\[)", re.MULTILINE)
#: IPython's own names for what was typed and shown before.
_HISTORY = re.compile(r"_+i*\d*|_[dio]h")


def for_missing_name(
    record: RunRecord, traceback: Collection[str], code: str, shell: Any, present: Collection[str], *, alone: bool
) -> str:
    """A sentence, or nothing where the run failed of something else, or the notebook cannot help.

    `present` are names that the run had anyway. `alone`: say nothing of what else the cell reads, which may be there.
    """
    found = _NOT_DEFINED.match(record.message) if record.reason is Reason.EXCEPTION else None
    if found is None or found[1] in present or not _is_the_cells(traceback):
        return ""
    there = {name: value for name, value in shell.user_ns.items() if not _is_ipythons(name, shell)}
    if found[1] not in there:
        return ""
    others = [] if alone else [name for name in _read(code, shell) if name in there and name not in present]
    return _sentences({name: there[name] for name in [found[1], *others]})


def _is_ipythons(name: str, shell: Any) -> bool:
    return name in shell.user_ns_hidden or _HISTORY.fullmatch(name) is not None


def _is_the_cells(traceback: Collection[str]) -> bool:
    """Whether it was the cell that missed the name, and not a module, whose names no variable of a cell is."""
    frames = [*_FRAME.finditer(plain("\n".join(traceback)))]
    return not frames or frames[-1]["path"] is None


def _read(code: str, shell: Any) -> list[str]:
    """The names that a cell reads and nowhere makes, in order; none where that cannot be told."""
    try:
        flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        # As IPython does, which awaits at the top; this module's own `from __future__` is not the cell's.
        tree: ast.AST = compile(shell.transform_cell(code), "<cell>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError):
        return []
    nodes = [*ast.walk(tree)]
    made = {name for node in nodes for name in _made_by(node)}
    names = [node for node in nodes if isinstance(node, ast.Name)]
    read = dict.fromkeys(node.id for node in sorted(names, key=lambda node: (node.lineno, node.col_offset)))
    # What a star brings cannot be told without running it.
    return [] if "*" in made else [name for name in read if name not in made and not hasattr(builtins, name)]


def _made_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Load):
            yield node.id
    elif isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    else:  # functions, classes, except clauses, patterns
        yield from (name for field in ("name", "rest") if isinstance(name := getattr(node, field, None), str))


def _sentences(missing: Mapping[str, Any]) -> str:
    """One for each module, function and class, and one for all variables; what the run failed for comes first."""
    carried = {name: value for name, value in missing.items() if not _is_code(value)}
    told = {name: _of_code(name, value) for name, value in missing.items() if name not in carried}
    if carried:
        told[next(iter(carried))] = _carried(carried)
    return " ".join(told[name] for name in missing if name in told)


def _is_code(value: Any) -> bool:
    """Whether it is a module, or what `def` and `class` make, here or in a library."""
    return isinstance(value, ModuleType) or bool(_called(value))


def _called(value: Any) -> str:
    """The name that a function or a class was given; an object that can be called has none."""
    name = (getattr(value, "__qualname__", "") or getattr(value, "__name__", "")) if callable(value) else ""
    return name if isinstance(name, str) else ""


def _of_code(name: str, value: Any) -> str:
    kind = "module" if isinstance(value, ModuleType) else "class" if isinstance(value, type) else "function"
    if line := _import_of(name, value):
        return f"{name} is a {kind} that this notebook has imported: `{line}` in the cell brings it."
    return (
        f"{name} is a {kind} of this notebook: define it in the cell, or in a .py file beside the notebook from which "
        "the cell imports it."
    )


def _import_of(name: str, value: Any) -> str:
    """The line that imports it, from the shortest package that offers it; nothing for what is no module's."""
    if isinstance(value, ModuleType):
        return f"import {value.__name__}" if value.__name__ == name else f"import {value.__name__} as {name}"
    called, module = _called(value), getattr(value, "__module__", None) or type(value).__module__
    parts = module.split(".") if isinstance(module, str) and module not in ("__main__", "builtins") else []
    for package in (".".join(parts[:end]) for end in range(1, len(parts) + 1)):
        if getattr(sys.modules.get(package), called, None) is value:
            return f"from {package} import {called}" + ("" if called == name else f" as {name}")
    return ""


def _carried(values: Mapping[str, Any]) -> str:
    from gpurun_jupyter.values.tree import takes

    names = [*values]
    are = f"{names[0]} is a variable" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} are variables"
    option = f"--in {','.join(names)}" + ("" if all(map(takes, values.values())) else " --pickle")
    return f"{are} of this notebook, which a run does not see: `{option}` brings {'it' if len(names) == 1 else 'them'}."
