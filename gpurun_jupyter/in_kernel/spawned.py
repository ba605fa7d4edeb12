"""Processes that are spawned, not forked, import what they are to call; a function of a cell cannot be imported.

Python has each of them die with a traceback, and a pool replaces those that died, for ever. Here the one who asks for
it gets an exception that says what to do. https://docs.python.org/3/library/multiprocessing.html#the-spawn-and-forkserver-start-methods
"""

from __future__ import annotations

import functools
import multiprocessing
import multiprocessing.context
import multiprocessing.pool
import pickle
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from typing import Any


def explain() -> None:
    """Look at what processes are asked to call, wherever they are asked."""
    for kind in ("SpawnProcess", "ForkServerProcess"):
        process = getattr(multiprocessing.context, kind, None)
        if process is not None:
            process._Popen = staticmethod(_looked_at(process._Popen))  # noqa: SLF001 - what `start` calls
    pool: Any = multiprocessing.pool.Pool
    pool._setup_queues = _with_looks(pool._setup_queues)  # noqa: SLF001 - before its threads are there
    futures.ProcessPoolExecutor.submit = _submit(futures.ProcessPoolExecutor.submit)  # type: ignore[method-assign]


def _looked_at(popen: Callable[[Any], Any]) -> Callable[[Any], Any]:
    @functools.wraps(popen)
    def start(process: Any) -> Any:
        __tracebackhide__ = True
        _look_at([process._target, *process._args, *process._kwargs.values()])  # noqa: SLF001 - it has no other names
        return popen(process)

    return start


def _with_looks(setup: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(setup)
    def set_up(pool: Any) -> None:
        setup(pool)
        if isinstance(pool, multiprocessing.pool.ThreadPool) or not _imports(pool._ctx):  # noqa: SLF001
            return
        send = pool._quick_put  # noqa: SLF001

        def put(task: Any) -> None:
            __tracebackhide__ = True
            if task is not None:
                _look_at(_called(task[2], task[3]))  # behind two numbers: function, arguments, options
            send(task)

        pool._quick_put = put  # noqa: SLF001

    return set_up


def _submit(submit: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(submit)
    def looked(executor: Any, function: Any, /, *args: Any, **options: Any) -> Any:
        __tracebackhide__ = True
        if _imports(executor._mp_context):  # noqa: SLF001
            _look_at(_called(function, args))
        return submit(executor, function, *args, **options)

    return looked


def _imports(context: Any) -> bool:
    return bool((context or multiprocessing).get_start_method() != "fork")


def _called(function: Any, args: Iterable[Any]) -> Iterator[Any]:
    """The function, and those that are its arguments, or in the tuples of these, as `map` sends them."""
    yield function
    for argument in args:
        yield from argument if isinstance(argument, tuple) else [argument]


def _look_at(things: Iterable[Any]) -> None:
    """Raises PicklingError for a function, or an object of a class, that only the notebook has."""
    __tracebackhide__ = True  # IPython shows who asked for it
    for thing in (part for one in things for part in _within(one)):
        defined = thing if hasattr(thing, "__qualname__") else type(thing)
        if getattr(defined, "__module__", None) == "__main__":
            raise pickle.PicklingError(
                f"{defined.__qualname__} is defined in a cell, and a process that is spawned cannot import it. "
                "Write it to a file (%%writefile work.py) and import it from there, or have the processes forked: "
                "multiprocessing.get_context('fork')."
            )


def _within(thing: Any) -> Iterator[Any]:
    """What a partial function consists of; anything else itself."""
    if isinstance(thing, functools.partial):
        for part in (thing.func, *thing.args, *thing.keywords.values()):
            yield from _within(part)
    else:
        yield thing
