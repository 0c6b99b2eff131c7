"""Ordinary Jupyter kernels in a fraction of a second: each a fork of one warm process that its client keeps.

A provisioner of jupyter_client: JupyterLab, Voila, Papermill and nbclient start kernels through it when a kernelspec
names ``alignlib-warm`` (``kernelspec/kernel.json`` does). The kernel is ipykernel's own, with the environment, folder
and streams it was launched with. What a fork could not do as a new process would is launched as ever, and the log says
why, once. What was installed, or edited in this package, since the warm process was started is there in a new kernel.
Different from a process of its own: libraries of linear algebra that were loaded before the fork use one thread,
and what a kernel started ends with it.
"""

import asyncio
import atexit
import os
import re
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, redirect_stderr, suppress
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from traitlets import List, Unicode

from alignlib.errors import AlignError, Problem
from alignlib.runs.kernels import ALONE, Child, Warm
from alignlib.runs.processes import unfit

LAUNCHER = ["-m", "ipykernel_launcher"]
TARGET = "alignlib.runs.provisioner:kernel"
PRELOAD = ("ipykernel.kernelapp", "ipykernel.ipkernel", "alignlib.runs.provisioner:import_debugger")
# What is looked up in the environment while a process starts or a library loads: too late for a fork.
AT_START = re.compile(r"(LD|PYTHON|MALLOC|GLIBC|LC|NPY|ARROW|OMP|KMP|MKL|OPENBLAS)_?|LANG|\w+_NUM_THREADS$")
UNDERSTOOD = {"env", "cwd", "stdin", "stdout", "stderr", "independent", "extra_arguments", "kernel_id"}

_LOCK = threading.Lock()
_warm: dict[tuple[str, ...], tuple[Warm, tuple[object, ...], dict[str, str]]] = {}  # process, its stamp and environment
_retired: list[Warm] = []
_failed: dict[tuple[str, ...], tuple[tuple[object, ...], AlignError]] = {}
_said: set[str] = set()


class WarmProvisioner(LocalProvisioner):
    """Which process is the kernel's? A fork of a warm one that has these modules imported, or a new one."""

    preload = List(Unicode(), help="modules that are imported before a kernel is forked").tag(config=True)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Where is the kernel reached that was started just now, as this command would?"""
        why = unfit() or unlike_ours(cmd, kwargs)
        if not why:
            try:
                child: Any = await _aside(_fork, cmd, kwargs, (*PRELOAD, *self.preload))
            except AlignError as error:
                why = error.problems[0].what
            except OSError as error:
                why = str(error)
        if why:
            if why not in _said:
                self.log.warning("A kernel starts as a new process, which takes longer: %s", why)
            _said.add(why)
            return await super().launch_kernel(cmd, **kwargs)
        self.process = child
        self.pid = self.pgid = child.pid
        self.cwd = kwargs.get("cwd", Path.cwd())
        return self.connection_info

    async def send_signal(self, signum: int) -> None:
        """Sends a signal to the kernel and its group. Nothing happens once it has ended."""
        if isinstance(self.process, Child):
            self.process.send_signal(signum)
        else:
            await super().send_signal(signum)


async def _aside(function: Callable[..., Child], *given: Any) -> Child:
    """What does it return, while the loop goes on? Called in a thread of its own, not in one that the loop keeps.

    Those are gone where a process was forked from the client and goes on with its loop, as in a pool of processes.
    """
    with ThreadPoolExecutor(1) as thread:
        return await asyncio.get_running_loop().run_in_executor(thread, function, *given)


def unlike_ours(cmd: Sequence[str], kwargs: Mapping[str, Any]) -> str:
    """Why can this launch not be carried out by a fork of a process like this one? Empty where it can."""
    if list(cmd[1:3]) != LAUNCHER or not _is_this_python(cmd[0]):
        return f"its command is {' '.join(cmd[:3])}"
    if kwargs.get("independent"):
        return "it is to outlive the process that asks for it"
    if strange := set(kwargs) - UNDERSTOOD:
        return f"it is given {', '.join(sorted(strange))}"
    if subprocess.DEVNULL in (kwargs.get("stdout"), kwargs.get("stderr")):
        return "nobody is to hear it"
    if not Path(kwargs.get("cwd") or ".").is_dir():
        return f"there is no folder {kwargs['cwd']}"
    asked = kwargs.get("env") or os.environ
    threads = sorted(name for name, value in ALONE.items() if asked.get(name, value) != value)
    return f"its environment sets {', '.join(threads)}" if threads else ""


def _is_this_python(command: str) -> bool:
    asked, ours = Path(command), Path(sys.executable)
    with suppress(OSError):
        return asked.parent.resolve() == ours.parent.resolve() and asked.resolve() == ours.resolve()
    return False


def warm(preload: tuple[str, ...]) -> tuple[Warm, dict[str, str]]:
    """Which warm process does this one have with these modules, and with which environment was it started?

    It is started when it is first asked for, and again when it was ended or when what it would import has changed; the
    one before ends with its last kernel. Raises AlignError (E-KERNEL) where none can be had.
    """
    with _LOCK:
        _retired[:] = [each for each in _retired if each.is_alive()]
        stamp = _stamp()
        if preload in _failed and _failed[preload][0] == stamp:
            raise _failed[preload][1]
        if preload in _warm:
            found, before, environment = _warm[preload]
            if before == stamp and found.is_alive():
                return found, environment
            if found.is_alive():
                found.retire()
                _retired.append(found)
            del _warm[preload]
        atexit.unregister(_close)
        atexit.register(_close)
        environment, found = dict(os.environ), Warm(preload)
        try:
            found.ready()
            if found.missing:
                found.close()
                raise AlignError(Problem("E-KERNEL", f"no warm process could be had: {', '.join(found.missing)}"))
        except AlignError as error:
            _failed[preload] = stamp, error
            raise
        _warm[preload] = found, stamp, environment
        return found, environment


def _stamp() -> tuple[object, ...]:
    """What would a process started now find to import, as far as times of change can tell?"""
    installed = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    sources = Path(__file__).parents[1].rglob("*.py")
    return tuple(sorted((str(path), path.stat().st_mtime_ns) for path in (*map(Path, installed), *sources)))


def _close() -> None:
    """Ends the warm processes of this one, and their kernels with them, before it ends itself."""
    for each in (*_retired, *(found for found, *_ in _warm.values())):
        each.close()


def _forget() -> None:
    """In a fork of the client: its warm processes are not ours, and a lock that another thread held would stay held."""
    global _LOCK
    _LOCK = threading.Lock()
    for known in (_warm, _failed, _retired):
        known.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _fork(cmd: list[str], kwargs: Mapping[str, Any], preload: tuple[str, ...]) -> Child:
    """The process of a kernel, with the streams that subprocess.Popen would have given it."""
    found, started_with = warm(preload)
    environment = {os.fsdecode(name): os.fsdecode(value) for name, value in (kwargs.get("env") or os.environ).items()}
    _check_start(environment, started_with)
    given = {"arguments": cmd[3:], "environment": environment | {"JPY_PARENT_PID": str(os.getpid())}}
    with ExitStack() as stack:
        nothing = stack.enter_context(Path(os.devnull).open("rb")).fileno()
        streams, ours = list[Any](), {}
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            asked = kwargs.get(name)
            if asked == subprocess.PIPE:
                reading, writing = os.pipe()
                theirs, mine = (writing, reading) if number else (reading, writing)
                stack.callback(os.close, theirs)
                streams.append(theirs)
                ours[name] = os.fdopen(mine, "rb" if number else "wb", buffering=-1)
            elif asked == subprocess.DEVNULL or (asked is None and number == 0):
                streams.append(nothing)
            else:
                streams.append(streams[1] if asked == subprocess.STDOUT else number if asked is None else asked)
        child = found.fork(TARGET, given, Path(kwargs.get("cwd") or Path.cwd()), streams=tuple(streams))
        vars(child).update(ours)
    return child


def _check_start(asked: Mapping[str, str], started_with: Mapping[str, str]) -> None:
    """Does the environment differ where only a new process would notice? Raises AlignError (E-KERNEL)."""
    names = sorted(filter(AT_START.match, {*asked, *started_with} - set(ALONE)))
    if differing := [name for name in names if asked.get(name) != started_with.get(name)]:
        raise AlignError(Problem("E-KERNEL", f"its environment differs in {', '.join(differing)}"))


def import_debugger() -> None:
    """Can cells be debugged? Imports what is needed for it, but prints no advice of it."""
    with redirect_stderr(StringIO()), suppress(ImportError):
        import_module("ipykernel.debugger")


def kernel(given: Mapping[str, Any], _: Sequence[int]) -> int:
    """How did this kernel end? The fork becomes one, as ``python -m ipykernel_launcher`` does, until it is shut down.

    Its modules were imported without a shell at hand, so that widgets are announced now; and at its end it does what an
    interpreter does at its own.
    """
    import ipykernel
    from ipykernel.kernelapp import IPKernelApp

    set_by_imports = {name: os.environ[name] for name in ("PYDEVD_USE_FRAME_EVAL",) if name in os.environ}
    os.environ.clear()
    os.environ.update(set_by_imports | given["environment"])
    time.tzset()
    sys.argv = [str(Path(ipykernel.__path__[0]).with_name("ipykernel_launcher.py")), *given["arguments"]]
    app: Any = IPKernelApp.instance(parent_handle=os.getppid())
    app.initialize(given["arguments"])
    if widgets := sys.modules.get("ipywidgets"):
        widgets.register_comm_target()
    app.start()
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    return 0
