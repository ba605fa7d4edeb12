"""What a forked kernel does: ipykernel as it is, told its variables and its directory when it already runs."""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import multiprocessing.process
import os
import socket
import sys
import threading
from typing import Any, NamedTuple

import msgspec
import zmq
from ipykernel.kernelapp import IPKernelApp
from tornado.ioloop import IOLoop
from traitlets import import_item
from traitlets.config import Config

from gpurun_jupyter.agent.kernels.output_pipe import Frames, KernelOutput
from gpurun_jupyter.agent.processes import forked, title
from gpurun_jupyter.in_kernel import cells

_MESSAGE_BYTES = 4 * 2**20
#: In a frame of its own at the beginning of a message: the number of its mark among what is printed.
NUMBER = b"gpurun "


class HandOver(msgspec.Struct):
    """What a kernel gets for an attempt: all its variables, its directory. `leave`: none comes any more."""

    env: dict[str, str]
    cwd: str
    leave: bool = False


def be_kernel(ends: Ends, connection_file: str) -> None:
    """Be a kernel until told to leave. Returning ends the process as Python ends: exit handlers, open files."""
    ends.of_parent.close()  # open here, the parent's ends would hide its death
    os.close(ends.output_of_parent)
    parent, channel = os.getppid(), ends.channel
    forked.settle()
    sys.argv = [_launcher(), "-f", connection_file]
    env = dict(os.environ)
    app: Any = ForkedApp.instance(parent_handle=parent, output=ends.output, frames=ends.frames)
    app.initialize(sys.argv[1:])
    cells.install()
    taking = Taking(app, channel, env)
    IOLoop.current().add_handler(channel.fileno(), taking.take, IOLoop.READ)
    IOLoop.current().add_callback(channel.send, b"up")  # only when the loop runs are requests heard
    app.start()


class Ends(NamedTuple):
    """What a kernel is forked with: its ends of the channel and of the pipe for output, and its parent's."""

    of_parent: socket.socket
    channel: socket.socket
    output_of_parent: int
    output: int
    frames: Frames


class ForkedApp(IPKernelApp):
    """ipykernel without what nobody uses here, and with the user's startup files left until an attempt comes.

    What it prints goes into a pipe; each message has a mark there.
    """

    def __init__(self, *, output: int, frames: Frames, **options: Any) -> None:
        super().__init__(**options)
        self._pipe = output
        self._frames = frames

    def parse_command_line(self, argv: list[str] | None = None) -> None:
        """It is always the same one: building a parser for all the options there are would take 5 ms."""
        self.extra_args: list[str] = []
        app = {"connection_file": (argv or [""])[-1]}
        given = {"IPKernelApp": app, "HistoryManager": {"enabled": False}}
        self.update_config(Config(given))

    def init_heartbeat(self) -> None:
        """None: the parent watches the process itself."""

    def init_iopub(self, context: Any) -> None:
        """A socket that loses nothing, however fast a cell prints."""
        context.setsockopt(zmq.SNDHWM, 0)  # before the socket is made, which takes it over
        super().init_iopub(context)

    def init_io(self) -> None:
        """The pipe in the place of ipykernel's streams; its own words go on where they went."""
        own_words = os.fdopen(os.dup(2), "w", buffering=1)
        for handler in self.log.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.setStream(own_words)
        for fd in (1, 2):
            os.dup2(self._pipe, fd)
        os.close(self._pipe)
        self._output = KernelOutput(self._frames)
        sys.stdout, sys.stderr = self._output.stdout, self._output.stderr
        sys.displayhook = self.displayhook = import_item(str(self.displayhook_class))(self.session, self.iopub_socket)
        self.patch_io()
        self._mark_messages()

    def _mark_messages(self) -> None:
        """Those that the output thread passes on for a child have no place among what this process prints."""
        thread, send = self.iopub_thread, self.iopub_thread.send_multipart

        def send_marked(frames: list[Any], *args: Any, **options: Any) -> None:
            if threading.current_thread() is thread.thread or os.getpid() != thread._master_pid:  # noqa: SLF001
                send(frames, *args, **options)
                return
            with self._output.turn:  # in one turn: marks stand in the order of their messages
                number = NUMBER + str(self._output.mark()).encode()
                send([number, *frames], *args, **options)

        thread.send_multipart = send_marked

    def init_shell(self) -> None:
        """A shell that does not keep what is printed: IPython would, for its own history, in memory to the end."""
        super().init_shell()
        shell: Any = self.shell
        if hasattr(shell, "_tee"):
            shell._tee = _no_tee  # noqa: SLF001 - there is no setting for it
        shell.events.register("pre_execute", self._output.begin)
        shell.events.register("post_execute", self._output.over)

    def init_code(self) -> None:
        """Not yet: startup files are the user's code, and shall see the attempt's variables."""

    def init_code_now(self) -> None:
        """Run the user's startup files."""
        super().init_code()


class Taking:
    """Takes what comes through the channel, in the kernel's main thread, between requests."""

    def __init__(self, app: Any, channel: socket.socket, env: dict[str, str]) -> None:
        self._app = app
        self._channel = channel
        self._env = env  # without what ipykernel has set
        self._cwd = ""

    def take(self, *_: object) -> None:
        """A hand-over, or the parent's end."""
        data = self._channel.recv(_MESSAGE_BYTES)
        message = msgspec.json.decode(data, type=HandOver) if data else None
        if message is None or message.leave:
            IOLoop.current().remove_handler(self._channel.fileno())
            IOLoop.current().stop()
            return
        first = not self._cwd
        try:
            self._change(message)
        except BaseException:  # who waits for an answer learns that there is none from the kernel's end
            IOLoop.current().stop()
            raise
        if first:
            self._app.init_code_now()
            sys.stdout.flush()  # before `ready`: upon that the runner drops what startup files printed
            sys.stderr.flush()
        self._channel.send(b"ready")

    def _change(self, message: HandOver) -> None:
        """Variables that the attempt before had and this one has not are taken away; what the user set stays."""
        for name in self._env.keys() - message.env.keys():
            if os.environ.get(name) == self._env[name]:
                del os.environ[name]
        os.environ.update({key: value for key, value in message.env.items() if self._env.get(key) != value})
        title.show([sys.executable, "-m", "ipykernel_launcher", *sys.argv[1:]], os.environ)
        if not self._cwd or _working_directory() in (self._cwd, None):  # a user who went elsewhere stays there
            os.chdir(message.cwd)
            self._cwd = os.getcwd()  # noqa: PTH109
            multiprocessing.process.ORIGINAL_DIR = self._cwd  # type: ignore[attr-defined]  # spawned ones import there
        self._env = message.env


def _working_directory() -> str | None:
    """None where it has been removed."""
    with contextlib.suppress(FileNotFoundError):
        return os.getcwd()  # noqa: PTH109
    return None


def _no_tee(channel: str) -> contextlib.AbstractContextManager[None]:  # noqa: ARG001 - IPython's signature
    return contextlib.nullcontext()


def _launcher() -> str:
    """The program that a kernelspec starts."""
    spec = importlib.util.find_spec("ipykernel_launcher")
    return str(spec.origin) if spec is not None else ""
