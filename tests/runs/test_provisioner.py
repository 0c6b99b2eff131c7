"""A kernel that is a fork behaves as one that is a new process, for whoever starts kernels through jupyter_client."""

import asyncio
import enum
import json
import logging
import multiprocessing
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from jupyter_client.manager import KernelManager
from watching import SECONDS, holds, is_there

from alignlib.errors import AlignError
from alignlib.runs import provisioner
from alignlib.runs.kernels import Child, Warm
from alignlib.runs.processes import unfit
from alignlib.runs.provisioner import PRELOAD, unlike_ours

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(unfit()), reason=unfit()),
              pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # fmt: skip

BOTH = pytest.mark.parametrize("name", ["alignlib", "python3"])  # what is asked of ours is asked of ipykernel's own
TO_START = ["-m", "ipykernel_launcher", "-f", "file"]


class Kernel:
    """A kernel, and what its cells say."""

    def __init__(self, name: str, preload: list[str] | None = None, **launch: Any) -> None:
        self.manager: Any = KernelManager(kernel_name=name)
        if preload is not None:
            self.manager.kernel_spec.metadata["kernel_provisioner"]["config"] = {"preload": preload}
        self.manager.start_kernel(**launch)
        self.client: Any = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=SECONDS)

    def run(self, code: str) -> str:
        """What does it print?"""
        said: list[str] = []

        def hear(message: Any) -> None:
            content = message["content"]
            said.append(content.get("text") or content.get("ename") or "")

        self.client.execute_interactive(code, output_hook=hear, timeout=SECONDS)
        return "".join(said)

    def interrupt(self, code: str) -> str:
        """What does it print when it is interrupted once it printed something, and again each second until it ends?

        Again, as a person would: Python drops an interrupt that comes while it calls a finaliser.
        """
        said, asked, until = "", self.client.execute(code), time.monotonic() + SECONDS
        while time.monotonic() < until:
            with suppress(queue.Empty):
                message = self.client.get_iopub_msg(timeout=1)
                if message["parent_header"].get("msg_id") != asked:
                    continue
                content = message["content"]
                if content.get("execution_state") == "idle":
                    return said
                said += content.get("text") or content.get("ename") or ""
                if message["msg_type"] != "stream":
                    continue
            if said:
                self.manager.interrupt_kernel()
        raise TimeoutError(said)

    @property
    def pid(self) -> int:
        return int(self.manager.provisioner.pid)

    @property
    def is_fork(self) -> bool:
        return isinstance(self.manager.provisioner.process, Child)

    def end(self, now: bool = False) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=now)


@contextmanager
def kernel(name: str = "alignlib", **launch: Any) -> Iterator[Kernel]:
    found = Kernel(name, **launch)
    try:
        yield found
    finally:
        found.end(now=True)


FACTS = """
import asyncio, json, locale, os, random, resource, signal, sys, tempfile, threading, time
print(json.dumps({
    "python": sys.executable, "arguments": len(sys.argv), "launcher": sys.argv[0], "path": sys.path, "cwd": os.getcwd(),
    "environment": {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}, "name": __name__,
    "shell": type(get_ipython()).__name__, "leads": os.getpgrp() == os.getpid() == os.getsid(0),
    "interrupts": str(signal.getsignal(signal.SIGINT)), "ends": str(signal.getsignal(signal.SIGTERM)),
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])), "zone": time.tzname, "asked": os.read(0, 10).hex(),
    "loop": type(asyncio.get_running_loop()).__name__, "locale": locale.getlocale(), "temporary": tempfile.gettempdir(),
    "is_main": threading.current_thread() is threading.main_thread(), "flags": list(sys.flags),
    "files": resource.getrlimit(resource.RLIMIT_NOFILE),
}))
"""


def test_a_fork_looks_like_a_new_process_from_inside(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SHELL"}
    environment |= {"COLOUR": "red and 日本", "TZ": "Asia/Tokyo", "TMPDIR": str(tmp_path)}
    told = {}
    for name in ("python3", "alignlib"):
        with kernel(name, cwd=str(tmp_path), env=dict(environment)) as it:
            told[name] = json.loads(it.run(FACTS))
            assert it.is_fork == (name == "alignlib")
    assert told["alignlib"] == told["python3"]
    assert told["alignlib"]["environment"]["JPY_PARENT_PID"] == str(os.getpid())
    assert told["alignlib"]["environment"]["COLOUR"] == "red and 日本"
    assert "SHELL" not in told["alignlib"]["environment"]
    assert (told["alignlib"]["zone"][0], told["alignlib"]["temporary"]) == ("JST", str(tmp_path))


def test_names_that_belong_to_an_enum_are_passed_as_text() -> None:
    names = enum.Enum("names", {"QUERY": "QUERY_STRING"}, type=str)
    with kernel(env={**os.environ, names.QUERY: "seat=3"}) as it:
        assert it.is_fork and it.run("import os; print(os.environ['QUERY_STRING'])") == "seat=3\n"


@BOTH
def test_the_streams_of_the_process_are_those_that_were_given(name: str) -> None:
    with kernel(name, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, extra_arguments=["--log-level=INFO"]) as it:
        process = it.manager.provisioner.process
        assert process.stderr is None and f"Starting the kernel at pid: {it.pid}" in process.stdout.readline().decode()
        process.stdout.close()


def test_no_two_kernels_draw_the_same_numbers() -> None:
    draw = "import random, numpy; print(random.random(), numpy.random.random())"
    drawn = []
    for _ in range(2):
        with kernel() as it:
            drawn.append(it.run(draw).split())
    assert drawn[0][0] != drawn[1][0] and drawn[0][1] != drawn[1][1]


def test_widgets_that_were_imported_before_the_fork_answer_the_page() -> None:
    with kernel() as it:
        told = (
            "import sys; print('ipywidgets' in sys.modules); import ipywidgets; slider = ipywidgets.IntSlider(value=7)"
        )
        assert it.run(told) == "True\n"
        for kind, content in (
            ("comm_open", {"target_name": "jupyter.widget.control"}),
            ("comm_msg", {"data": {"method": "request_states"}}),
        ):
            message = it.client.session.msg(kind, {"comm_id": "page", "data": {}} | content)
            it.client.shell_channel.send(message | {"metadata": {"version": "1.0.0"}})
        while (answer := it.client.get_iopub_msg(timeout=SECONDS))["msg_type"] not in ("comm_msg", "comm_close"):
            pass
        assert answer["content"]["data"]["method"] == "update_states"
        assert 7 in [state["state"].get("value") for state in answer["content"]["data"]["states"].values()]


@BOTH
def test_a_cell_can_be_interrupted(name: str) -> None:
    with kernel(name) as it:
        for busy in ("time.sleep(1000)", "subprocess.run(['sleep', '1000'])"):
            said = it.interrupt(f"import subprocess, time\nprint('on', flush=True)\n{busy}")
            assert said.startswith("on") and said.endswith("KeyboardInterrupt")
        assert it.run("print(1)") == "1\n"


@pytest.mark.parametrize(("name", "now"), [("alignlib", True), ("alignlib", False), ("python3", False)])
def test_a_restarted_kernel_is_a_new_one_at_the_same_place(name: str, now: bool) -> None:
    with kernel(name) as it:
        it.run("kept = 1")
        before, file = it.pid, it.manager.connection_file
        it.manager.restart_kernel(now=now)
        it.client.wait_for_ready(timeout=SECONDS)
        assert it.run("print('kept' in globals())") == "False\n"
        assert (it.pid != before, it.manager.connection_file, it.is_fork) == (True, file, name == "alignlib")
        assert holds(lambda: not is_there(before))


@BOTH
def test_the_end_of_a_kernel_is_that_of_an_interpreter(name: str, tmp_path: Path) -> None:
    said = tmp_path / "said"
    with kernel(name) as it:
        pid, file = it.pid, Path(it.manager.connection_file)
        it.run(f"import atexit, pathlib; atexit.register(pathlib.Path({str(said)!r}).write_text, 'left in order')")
        it.end()
    assert said.read_text() == "left in order"
    assert not is_there(pid) and not file.exists()


@pytest.mark.parametrize(("name", "how", "code"), [
    ("alignlib", "os._exit(3)", 3), ("python3", "os._exit(3)", 3),
    ("alignlib", "os.kill(os.getpid(), signal.SIGKILL)", -9), ("alignlib", "os.kill(os.getpid(), signal.SIGTERM)", -15),
])  # fmt: skip
def test_a_dead_kernel_is_seen_to_be_dead(name: str, how: str, code: int) -> None:
    with kernel(name) as it:
        it.client.execute(f"import os, signal; {how}")
        assert holds(lambda: not it.manager.is_alive())
        assert asyncio.run(it.manager.provisioner.poll()) == code


def test_what_a_kernel_started_ends_with_it() -> None:
    with kernel() as it:
        start = "import subprocess; print(subprocess.Popen(['sleep', '1000'], start_new_session=True).pid)"
        started = int(it.run(start))
        assert is_there(started)
        it.end(now=True)
    assert holds(lambda: not is_there(started))


@BOTH
def test_an_idle_kernel_is_culled(name: str) -> None:
    from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager

    async def culled() -> tuple[int, bool]:
        manager = AsyncMappingKernelManager(cull_idle_timeout=1, cull_interval=1, default_kernel_name=name)
        key = await manager.start_kernel()
        pid = manager.get_kernel(key).provisioner.pid
        for _ in range(SECONDS * 10):
            if key not in manager.list_kernel_ids():
                break
            await asyncio.sleep(0.1)
        return pid, key in manager.list_kernel_ids()

    pid, still = asyncio.run(culled())
    assert not still and holds(lambda: not is_there(pid))


@BOTH
def test_a_server_restarts_a_kernel_that_died(name: str) -> None:
    from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
    from traitlets.config import Config

    async def pids() -> tuple[int, int, bool]:
        config = Config({"KernelRestarter": {"time_to_dead": 0.2}})
        manager = AsyncMappingKernelManager(default_kernel_name=name, config=config)
        found = manager.get_kernel(await manager.start_kernel())
        before = found.provisioner.pid
        os.kill(before, signal.SIGKILL)
        for _ in range(SECONDS * 10):
            if found.provisioner.pid != before:
                break
            await asyncio.sleep(0.1)
        client = found.client()
        client.start_channels()
        await client.wait_for_ready(timeout=SECONDS)
        after, is_fork = found.provisioner.pid, isinstance(found.provisioner.process, Child)
        client.stop_channels()
        await manager.shutdown_all(now=True)
        return before, after, is_fork

    before, after, is_fork = asyncio.run(pids())
    assert before != after and is_fork == (name == "alignlib")


CLIENT = """
import os, sys, time
from jupyter_client.manager import KernelManager
manager = KernelManager(kernel_name=sys.argv[1])
if chosen := manager.kernel_spec.metadata.get("kernel_provisioner"):
    chosen["config"] = {"preload": []}
manager.start_kernel()
client = manager.client()
client.start_channels()
client.wait_for_ready(timeout=60)
other = os.fork() if sys.argv[2] == "forks and is killed" else 1
if not other:
    os.closerange(0, 3)
    time.sleep(1000)
print(manager.provisioner.pid, other, flush=True)
if sys.argv[2] != "leaves":
    sys.stdin.readline()
"""


@pytest.mark.parametrize(("name", "way"), [
    ("alignlib", "is killed"), ("alignlib", "forks and is killed"), ("alignlib", "leaves"), ("python3", "is killed"),
])  # fmt: skip
def test_a_kernel_ends_with_whoever_started_it(name: str, way: str) -> None:
    call = [sys.executable, "-c", CLIENT, name, way]
    with subprocess.Popen(call, stdin=-1, stdout=-1, stderr=-3, text=True) as process:
        assert process.stdout
        pid, other = map(int, process.stdout.readline().split())
        if way != "leaves":
            process.kill()
        process.communicate(timeout=SECONDS)
    has_ended = holds(lambda: not is_there(pid))
    if other != 1:
        os.kill(other, signal.SIGKILL)
    assert has_ended


def test_kernels_asked_for_at_once_come_from_one_warm_process() -> None:
    with ThreadPoolExecutor(4) as pool:
        kernels = list(pool.map(Kernel, ["alignlib"] * 4))
    parents = {it.run("import os; print(os.getppid())") for it in kernels}
    for it in kernels:
        it.end(now=True)
    assert len(parents) == 1 and len({it.pid for it in kernels}) == 4


def _told_by_a_kernel() -> str:
    with kernel(preload=[]) as it:
        return it.run("import os; print(os.environ['JPY_PARENT_PID'], os.getppid())")


def test_a_process_that_was_forked_from_a_client_gets_kernels_of_its_own() -> None:
    ours, warm = _told_by_a_kernel().split()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("fork")) as pool:
        told = [each.result(SECONDS).split() for each in [pool.submit(_told_by_a_kernel) for _ in range(4)]]
    assert not {ours} & {client for client, _ in told} and not {warm} & {parent for _, parent in told}
    assert _told_by_a_kernel().split() == [ours, warm]


def test_after_the_warm_process_was_killed_the_next_kernel_gets_another() -> None:
    with kernel() as first:
        warm = int(first.run("import os; print(os.getppid())"))
        os.kill(warm, signal.SIGKILL)
        assert holds(lambda: not first.manager.is_alive() and not is_there(first.pid))
        with kernel() as second:
            assert second.is_fork and int(second.run("import os; print(os.getppid())")) != warm


def test_what_was_installed_since_is_there_in_a_new_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = "import os; print(os.getppid())"
    with kernel(preload=[]) as before:
        first = int(before.run(parent))
        stamp = (*provisioner._stamp(), "a package that was installed")
        monkeypatch.setattr(provisioner, "_stamp", lambda: stamp)
        with kernel(preload=[]) as after:
            assert int(after.run(parent)) != first
        assert before.run("print('still there')") == "still there\n" and is_there(first)
    assert holds(lambda: not is_there(first))  # its last kernel is gone


def test_the_stamp_tells_an_edited_module_and_an_installed_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = provisioner._stamp()
    assert provisioner._stamp() == before
    monkeypatch.setattr(provisioner.sysconfig, "get_path", lambda _: str(tmp_path))
    installed = provisioner._stamp()
    os.utime(tmp_path, ns=(0, 0))
    assert len({before, installed, provisioner._stamp()}) == 3
    assert any("engagement.py" in str(each) for each in before)


@pytest.mark.parametrize(("cmd", "given", "why"), [
    ([sys.executable, *TO_START], {}, ""),
    ([str(Path(sys.executable).with_name("python")), *TO_START], {"env": {}}, ""),
    (["/usr/bin/other-python", *TO_START], {}, "its command is /usr/bin/other-python -m ipykernel_launcher"),
    ([sys.executable, "-m", "xeus"], {}, "its command is"),
    ([sys.executable, *TO_START], {"independent": True}, "outlive"),
    ([sys.executable, *TO_START], {"preexec_fn": print, "umask": 7}, "it is given preexec_fn, umask"),
    ([sys.executable, *TO_START], {"stderr": subprocess.DEVNULL}, "nobody is to hear it"),
    ([sys.executable, *TO_START], {"cwd": "/no/such/folder"}, "there is no folder /no/such/folder"),
    ([sys.executable, *TO_START], {"env": {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "1"}}, "sets OMP_NUM_THREADS"),
])  # fmt: skip
def test_what_a_fork_cannot_do_is_known(cmd: list[str], given: dict[str, Any], why: str) -> None:
    found = unlike_ours(cmd, given)
    assert why in found and bool(found) == bool(why)


@pytest.mark.parametrize(("before", "asked", "told"), [
    ({"LD_PRELOAD": "a.so"}, {"LD_PRELOAD": "b.so"}, "LD_PRELOAD"), ({}, {"LC_ALL": "C", "COLOUR": "red"}, "LC_ALL"),
    ({"PYTHONPATH": "/x", "LANG": "C"}, {"LANG": "C"}, "PYTHONPATH"),
    ({}, {"BLIS_NUM_THREADS": "2"}, "BLIS_NUM_THREADS"),
])  # fmt: skip
def test_what_only_a_new_process_heeds_is_known(before: dict[str, str], asked: dict[str, str], told: str) -> None:
    provisioner._check_start(asked | {"HOME": "/elsewhere"}, asked)
    with pytest.raises(AlignError, match=f"differs in {told}. .E-KERNEL"):
        provisioner._check_start(asked, before)


def test_an_environment_that_only_a_new_process_heeds_gets_one_and_it_is_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provisioner, "_said", set())
    with caplog.at_level(logging.WARNING, "traitlets"):
        for _ in range(2):
            manager: Any = KernelManager(kernel_name="alignlib")
            manager.start_kernel(env=os.environ | {"PYTHONHASHSEED": "7"})
            kind = type(manager.provisioner.process)
            manager.shutdown_kernel(now=True)
            assert kind is subprocess.Popen
    said = [record.getMessage() for record in caplog.records if "starts as a new process" in record.getMessage()]
    assert len(said) == 1 and "PYTHONHASHSEED" in said[0]


def test_where_processes_cannot_be_forked_kernels_start_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provisioner, "unfit", lambda: "processes cannot be forked safely on this system")
    with kernel() as it:
        assert not it.is_fork and it.run("print(1)") == "1\n"


def test_a_warm_process_that_cannot_be_had_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(provisioner, "Warm", lambda preload: asked.append(preload) or Warm(preload))
    for _ in range(2):
        with kernel(preload=["no_such_module"]) as it:
            assert not it.is_fork and it.run("print(1)") == "1\n"
    assert asked == [(*PRELOAD, "no_such_module")]


def test_who_asks_for_the_process_is_told_that_of_the_kernel() -> None:
    with kernel() as it:
        told = asyncio.run(it.manager.provisioner.get_provisioner_info())
        assert told["pid"] == told["pgid"] == int(it.run("import os; print(os.getpid())"))


def test_the_kernelspec_starts_an_ordinary_kernel_for_whoever_has_no_provisioner(root: Path) -> None:
    spec = json.loads((root / "src/alignlib/runs/kernelspec/kernel.json").read_text(encoding="utf-8"))
    ours = KernelManager(kernel_name="alignlib").kernel_spec
    stock = KernelManager(kernel_name="python3").kernel_spec
    assert ours.to_dict() | {"argv": spec["argv"]} == spec | {"env": {}}  # as installed: Jupyter finds it
    assert spec["argv"][1:] == stock.argv[1:] and spec["argv"][0] == "python"
    assert {**spec["metadata"], "kernel_provisioner": None} == {**stock.metadata, "kernel_provisioner": None}


def test_papermill_runs_a_notebook_in_a_fork(tmp_path: Path) -> None:
    from papermill.execute import execute_notebook

    parameters = nbformat.v4.new_code_cell("number = 1", metadata={"tags": ["parameters"]})
    cells = [parameters, nbformat.v4.new_code_cell("import os; number * 2, os.getppid()")]
    info = {"language_info": {"name": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=info), tmp_path / "in.ipynb")
    node: Any = execute_notebook(tmp_path / "in.ipynb", tmp_path / "out.ipynb", {"number": 21}, kernel_name="alignlib",
                                 progress_bar=False, cwd=tmp_path)  # fmt: skip
    warm = [found.pid for found, *_ in provisioner._warm.values()]
    assert node.cells[-1].outputs[0]["data"]["text/plain"] in [f"(42, {pid})" for pid in warm]
