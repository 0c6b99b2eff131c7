"""Running a notebook's cells in this very process, with the outputs that a stock kernel would have given.

The kernel, the shell and the streams are ipykernel's own and the client is nbclient's; only what lies between them is
left out: sockets, threads, a second process. Meant for a process that was made for one notebook and ends after it; what
the run itself changes in it is put back, what the cells change (modules, random state, threads) is not.

What differs from a stock kernel: what subprocesses and other processes print, and what is written to file descriptor 1
or 2, goes to this process's own streams and not into the notebook (``!command`` and ``%%bash`` do go there). Text with
half a surrogate pair is kept, escaped. A stream's text is one output as long as nothing is shown between. Widgets are
recorded with their state, as by any kernel without a reader: nobody can move them. A cell's output ends at 10 MB, a
notebook's at 100 MB, and the notebook has failed then.
"""

import asyncio
import atexit
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

from ipykernel.iostream import IOPubThread, OutStream
from ipykernel.ipkernel import IPythonKernel
from ipykernel.zmqshell import ZMQInteractiveShell
from IPython.core.shellapp import InteractiveShellApp
from jupyter_client.session import Session
from nbclient.client import timestamp
from nbclient.exceptions import CellExecutionComplete, CellExecutionError, DeadKernelError
from nbformat import ValidationError
from nbformat.v4 import new_output
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager
from traitlets.config import Config

MOST_BYTES_CELL, MOST_BYTES_NOTEBOOK = 10_000_000, 100_000_000
_MARK = "output too large, cut here: 10 MB from a cell and 100 MB from a notebook are allowed"
_DISPLAYS = ("display_data", "execute_result", "update_display_data")
_APP: Any = SimpleNamespace(ignore_cwd=False)
_CONFIG = Config({"HistoryManager": {"hist_file": ":memory:"}})  # as nbclient asks of a kernel: no file, no thread


class OutputTooLarge(BaseException):
    """Did a cell give more output than a notebook can hold? No Exception: what catches those must not go on."""


class _Wire(IOPubThread):
    """Both a kernel's socket and the thread that sends over it, without either: what is sent has arrived."""

    def __init__(self, receive: Callable[[list[bytes]], None]) -> None:
        nothing: Any = None
        self.thread, self.io_loop, self.receive = nothing, nothing, receive

    def schedule(self, f: Callable[[], None]) -> None:
        f()

    def send_multipart(self, parts: list[bytes], **_: Any) -> None:
        self.receive(parts)


class _Stream(OutStream):
    """A standard stream that is sent when it is flushed and never by the clock: the same notebook, the same record."""

    room: Any = None

    def _schedule_flush(self) -> None:
        pass

    def write(self, string: str) -> Any:
        if os.getpid() != self._master_pid:  # a cell forked: what its child prints goes where subprocesses print
            log = sys.__stdout__ if self.name == "stdout" else sys.__stderr__
            written = log.write(string) if log else None
            if log:
                log.flush()
            return written
        if not isinstance(string, str):
            return super().write(string)  # which says what is wrong with it
        if not string.isascii():
            string = string.encode(errors="backslashreplace").decode()  # half a surrogate pair is no text
        room = self.room(string)
        if room < len(string):
            super().write(string[:room])
            raise OutputTooLarge(_MARK)
        return super().write(string)


class _Kernel(IPythonKernel):
    """A kernel to which nothing is sent: it is called."""

    def _abort_queues(self, subshell_id: str | None = None) -> None:
        pass


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """A client whose kernel is an object in this process."""

    def execute(self, **given: Any) -> Any:
        self.reset_execution_trackers()
        self.arriving = threading.RLock()  # threads of the notebook print too
        self.earlier, self.held, self.is_full = 0, 0, False  # bytes that the cells before, and this one, have put out
        self.request = {"msg_id": ""}  # what is said before the first cell (IPython warns: no home) is of none
        loop = asyncio.new_event_loop()
        try:
            with _kernel(self) as (self.kernel, self.streams):
                self.kc = SimpleNamespace(session=self.kernel.session, shell_channel=SimpleNamespace(send=self._later))
                loop.run_until_complete(self._cells())
                self.nb.metadata["language_info"] = dict(self.kernel.language_info)
                self.set_widgets_metadata()
        finally:
            self.request = {"msg_id": ""}  # a thread that a cell left may print yet, to no cell
            _end_tasks(loop)
            loop.close()
        return self.nb

    async def _cells(self) -> None:
        for index, cell in enumerate(self.nb.cells):
            try:
                self.nb_man.cell_start(cell, index)
                await self.async_execute_cell(cell, index)
            except CellExecutionError as error:
                self.nb_man.cell_exception(cell, cell_index=index, exception=error)
                break
            finally:
                self.nb_man.cell_complete(cell, cell_index=index)

    async def async_execute_cell(self, cell: Any, cell_index: int, *given: Any, **named: Any) -> Any:
        if cell.cell_type != "code" or not cell.source.strip():
            return cell
        if self.skip_cells_with_tag in cell.metadata.get("tags", []):
            return cell
        cell.metadata["execution"], cell.outputs = {}, []
        self.code_cells_executed += 1
        self.clear_before_next_output, self.is_full, self.held = False, False, 0
        self.cell, self.index, self.reply, self.refused = cell, cell_index, None, None
        self.late = list[Any]()
        self.request = self.kernel.session.msg("execute_request", {"code": cell.source, "store_history": True})
        await asyncio.create_task(self._run(self.request))  # a task, as in a kernel: what it starts keeps its context
        if self.reply:
            cell.metadata["execution"]["shell.execute_reply"] = timestamp(self.reply)
        self.earlier += self.held
        for message in self.late:
            self.kernel.set_parent([], message)
            self.kernel.comm_manager.comm_msg(None, [], message)
        if self.is_full:
            raise self._too_large(cell)
        if self.refused:
            raise self.refused
        if self.reply is None or self.kernel.shell.exit_now:
            raise DeadKernelError("it was left")
        await self._check_raise_for_error(cell, cell_index, self.reply)
        return cell

    async def _run(self, request: Any) -> None:
        here = os.getpid()
        self.kernel.set_parent([], request)
        self.kernel._publish_status("busy", "shell")
        try:
            await self.kernel.execute_request(self.kernel.iopub_socket, [], request)
        except OutputTooLarge:  # what was printed once too much came from the shell itself
            pass
        except (MemoryError, ValidationError):
            raise
        except Exception as error:  # a kernel that is alone would log it and never reply
            raise DeadKernelError(f"{type(error).__name__}: {error}") from error
        finally:
            if os.getpid() != here:  # a process that the cell forked and did not end: what follows is not for it
                os._exit(1)
        self.kernel._publish_status("idle", "shell")

    def _later(self, message: Any) -> None:
        self.late.append({**message, "buffers": []})  # a kernel reads it after the cell

    def receive(self, parts: list[bytes]) -> None:
        """Takes what the kernel sends."""
        size, session = sum(map(len, parts)), self.kernel.session
        with self.arriving:
            message = session.deserialize(session.feed_identities(parts)[1], content=False)
            kind = message["msg_type"]
            if message["parent_header"].get("msg_id") != self.request["msg_id"]:
                return  # of a cell that is over
            if (kind in _DISPLAYS or kind.startswith("comm")) and not self._fits(size):
                raise OutputTooLarge(_MARK)
            if kind == "error" and size > MOST_BYTES_CELL:
                self.is_full = True
                return
            message["content"] = session.unpack(message["content"])
            if kind == "execute_reply":
                self.reply = message
                return
            try:
                self.process_message(message, self.cell, self.index)
            except CellExecutionComplete:
                pass
            except ValidationError as error:  # no notebook can hold it: not for the cell to catch
                self.refused = error

    def room(self, text: str) -> int:
        """How many characters of this text may the cell still print?"""
        with self.arriving:
            if self._fits(len(text) if text.isascii() else len(text.encode(errors="replace"))):
                return len(text)
            left = max(0, self._most() - self.held)
            self.held += left
            return left

    def _most(self) -> int:
        return min(MOST_BYTES_CELL, MOST_BYTES_NOTEBOOK - self.earlier)

    def _fits(self, size: int) -> bool:
        if not self.is_full and self.held + size > self._most():  # what it cleared or updated counts no more
            for stream in self.streams:
                stream.flush()
            self.held = len(self.kernel.session.pack({"outputs": self.cell.outputs}))
        self.is_full = self.is_full or self.held + size > self._most()
        self.held += 0 if self.is_full else size
        return not self.is_full

    def _too_large(self, cell: Any) -> CellExecutionError:
        said = {"ename": OutputTooLarge.__name__, "evalue": _MARK, "traceback": []}
        if not any(output.output_type == "error" for output in cell.outputs):
            cell.outputs.append(new_output("error", **said))  # type: ignore[no-untyped-call]
        return CellExecutionError.from_cell_and_msg(cell, said)


class InProcessEngine(Engine):  # type: ignore[misc]
    """Which Papermill engine runs a notebook in this very process?"""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, log_output: bool = False, **given: Any) -> Any:
        """Which notebook came of it? Takes no time limit: who made the process ends it."""
        log = logging.Logger(__name__, logging.WARNING)  # of no tree: the notebook may set up logging for itself
        log.addHandler(logging.StreamHandler(sys.stderr))
        return _Client(nb_man, kernel_name=kernel_name, log=log, log_output=log_output).execute()


def run_cells(node: Any, kernel_name: str, save: Callable[..., None]) -> None:
    """What do the cells of this notebook put out? Runs them in place; ``save()`` is called before and after each."""
    manager = NotebookExecutionManager(node, output_path=None, log_output=False, progress_bar=False)
    manager.save = save
    manager.notebook_start()
    InProcessEngine.execute_managed_notebook(manager, kernel_name)


@contextmanager
def _kernel(client: _Client) -> Iterator[tuple[Any, list[Any]]]:
    """A kernel, and its standard streams in the place of this process's own; in the end everything is as it was."""
    kept = sys.argv, sys.path[:], dict(os.environ), sys.stdout, sys.stderr, sys.displayhook
    session, wire = Session(key=b""), _Wire(client.receive)
    streams = [
        _Stream(session, wire, name, watchfd=False)  # type: ignore[no-untyped-call]
        for name in ("stdout", "stderr")
    ]
    for stream, file in zip(streams, kept[3:5], strict=True):
        stream.room = client.room
        with suppress(AttributeError, OSError, ValueError):  # io.UnsupportedOperation is both of the latter
            stream._original_stdstream_copy = file.fileno()  # for those who ask for a file, as subprocesses do
    sys.stdout, sys.stderr = streams
    sys.argv, sys.path = [""], [folder for folder in sys.path if folder]
    InteractiveShellApp.init_path(_APP)  # type: ignore[no-untyped-call]
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # or a debugger that nobody asked for warns
    kernel: Any = _Kernel.instance(
        session=session, iopub_socket=wire, shell_channel_thread=SimpleNamespace(parent_thread=None), log=client.log,
        config=_CONFIG, _execute_sleep=0.0,
    )  # fmt: skip
    try:
        yield kernel, streams
    finally:
        shell = kernel.shell
        shell.restore_sys_module_state()
        sys.argv, sys.path, environment, sys.stdout, sys.stderr, sys.displayhook = kept
        os.environ.clear()
        os.environ.update(environment)
        atexit.unregister(shell.atexit_operations)
        _Kernel.clear_instance()
        ZMQInteractiveShell.clear_instance()


def _end_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Ends what cells left to run later. Told once: one that does not listen must not keep the notebook."""
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.sleep(0))
