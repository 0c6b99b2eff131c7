"""The server of a workshop: Voila behind the door, a warm kernel for each seat, all in one process.

Run by ``session`` as ``python -P -m alignlib.workshop.serve``; what it is to do stands as one line of JSON on its
standard input, and when that is closed it ends. It prints one line once pages can be opened.
"""

import asyncio
import json
import logging
import os
import signal
import ssl
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Thread
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import HTTPError
from traitlets.config import Config
from voila.app import Voila

from alignlib.errors import Problem
from alignlib.files import make_folder
from alignlib.resources import resource
from alignlib.runs.processes import end_with_parent
from alignlib.workshop.assets import Assets
from alignlib.workshop.door import SEAT_HEADER, Door, Seats
from alignlib.workshop.seat import ADDRESS, CODE, ENGAGEMENT, TOKEN, Desk

KERNEL, ORDINARY = "alignlib", "python3"
SPARE = 2  # kernels beside one a seat: the facilitator's, and one that is being replaced
IDLE_SECONDS = 300  # after which a kernel that no page is connected to is ended
LONGEST = 40  # characters of a folder in which a socket's path, with all that comes behind it, is not too long
LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Kernels(AsyncMappingKernelManager):
    """Which kernel is whose? One a seat: a page that is opened again ends the kernel of the page before."""

    seats: Seats
    most: int
    newest: dict[str, object]  # token -> the last request for a kernel of its seat
    one: asyncio.Lock
    for_wall: dict[str, str]  # what is told to the facilitator's kernel alone

    async def start_kernel(self, *, env: dict[str, str] | None = None, **given: Any) -> str:  # type: ignore[override]
        """Which kernel (its id) was started for the seat that this environment names? None without a seat.

        One at a time, or pages opened at once would all find room; of those of one seat the last alone gets one.
        """
        token = (env or {}).get(TOKEN, "")
        if not token:
            raise HTTPError(403)
        self.newest[token] = turn = object()
        async with self.one:
            if self.newest[token] is not turn:
                raise HTTPError(409, "this page was opened again")
            for kernel_id, owner in list(self.seats.kernels.items()):
                if owner == token or owner not in self.seats.known or kernel_id not in self:
                    self.seats.kernels.pop(kernel_id, None)
                    if kernel_id in self:
                        await self.shutdown_kernel(kernel_id, now=True)  # type: ignore[no-untyped-call]
            if len(self.list_kernel_ids()) >= self.most:
                raise HTTPError(503, "all seats are taken")
            specs: Any = self.kernel_spec_manager
            given["kernel_name"] = KERNEL if KERNEL in specs.find_kernel_specs() else ORDINARY
            given["extra_arguments"] = ["--log-level=CRITICAL"]  # what a page can cause fills no terminal
            if self.seats.known.get(token, {}).get("is_facilitator"):
                env = {**(env or {}), **self.for_wall}
            kernel_id = await super().start_kernel(env=env, **given)
            self.seats.kernels[kernel_id] = token
            return kernel_id


class Workshop(Voila):  # type: ignore[misc]
    """Voila with our page round its widgets, and reached through the door alone."""

    def setup_template_dirs(self) -> None:
        """Finds our own page before Voila's."""
        super().setup_template_dirs()
        self.template_paths.insert(0, str(resource("templates", "workshop", "voila")))

    def listen(self) -> None:
        """Opens the port once a kernel has been started for a try, and serves until standard input is closed."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        asked = self.config.Workshop.asked
        desk = Desk(asked["desk"])
        seats = Seats(lambda do, **given: desk.ask(do, secret=asked["secret"], **given))
        self.kernel_manager.seats, self.kernel_manager.most = seats, asked["seats"] + SPARE
        self.kernel_manager.for_wall = {ENGAGEMENT: asked["engagement"], CODE: asked["code"]}
        self.kernel_manager.newest, self.kernel_manager.one = {}, asyncio.Lock()
        try:  # at once: a port that is taken is told before a minute was spent, and who comes meanwhile waits
            tls = _tls(asked["cert"], asked["key"])
            sockets = bind_sockets(asked["port"], asked["host"])
        except OSError as error:
            what = f"it cannot be served there ({error.strerror or error})"
            fix = "give another --port, --host or --cert"
            problem = Problem("E-USE", what, where=f"{asked['host']}, port {asked['port']}", fix=fix)
            print(json.dumps({"error": asdict(problem)}), flush=True)
            return
        await self._try_kernel()
        port = sockets[0].getsockname()[1]
        hosts = {name if is_bare else f"{name}:{port}" for name in {*LOCAL, *asked["hosts"]}
                 for is_bare in {False, bool(asked["behind_proxy"])}}  # fmt: skip
        is_secure = bool(tls or asked["behind_proxy"])
        assets = Assets({"/voila/static/": self.static_paths, "/voila/labextensions/": self.labextensions_path})
        server = HTTPServer(Door(self.app, seats, assets, hosts, asked["about"], is_secure), ssl_options=tls,
                            max_body_size=1 << 20, xheaders=False)  # fmt: skip
        server.add_sockets(sockets)
        print(json.dumps({"port": port}), flush=True)
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        Thread(target=_wait_for_end, args=(loop, ended), daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError):  # Windows, where the end of standard input is all there is
                loop.add_signal_handler(number, ended.set)
        await ended.wait()
        server.stop()
        await self.kernel_manager.shutdown_all(now=True)

    async def _try_kernel(self) -> None:
        """Imports what kernels need before the first of them is asked for, and sees that one starts."""
        tried = await self.kernel_manager.start_kernel(env=dict(os.environ) | {TOKEN: "nobody"})
        client = self.kernel_manager.get_kernel(tried).client()
        client.start_channels()
        await client.wait_for_ready()  # as long as whoever started this waits
        client.stop_channels()
        await self.kernel_manager.shutdown_kernel(tried, now=True)
        self.kernel_manager.seats.kernels.clear()


def _wait_for_end(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    sys.stdin.read()  # until whoever started this closes it, or has ended
    with suppress(RuntimeError):  # the loop has ended before
        loop.call_soon_threadsafe(ended.set)


def _tls(cert: str, key: str) -> ssl.SSLContext | None:
    if not cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    return context


def configuration(asked: dict[str, Any], runtime: Path) -> Config:
    """Which settings make Voila serve forms and nothing else? None is read from a file of this machine."""
    config = Config()
    config.Workshop.asked = asked
    config.VoilaConfiguration.update(
        http_header_envs=[SEAT_HEADER], multi_kernel_manager_class=Kernels, extension_denylist=["jupyterlab_pygments"],
        show_tracebacks=False, file_allowlist=[], resources={"title": asked["about"]["title"]},
    )  # fmt: skip
    if sys.platform == "linux" and len(str(runtime)) < LONGEST:  # sixty kernels at once run out of ports that are free
        config.KernelManager.transport = "ipc"
    config.VoilaExecutor.iopub_timeout = 120
    config.Kernels.update(cull_idle_timeout=IDLE_SECONDS, cull_interval=30, cull_connected=False)
    config.Voila.log_level = "ERROR"
    return config


def main() -> None:
    """Which workshop is served? The one that standard input asks for, until that is closed."""
    end_with_parent(os.getppid())
    asked = json.loads(sys.stdin.readline())
    os.environ[ADDRESS] = asked["desk"]
    for name in ("tornado", "asyncio"):  # whoever sends nonsense would fill the terminal, with the address they have
        logging.getLogger(name).setLevel(logging.CRITICAL)
    runtime = make_folder(Path(asked["folder"], "k"), private=True)
    app = Workshop(
        config=configuration(asked, runtime), config_file_paths=[], open_browser=False,
        root_dir=str(resource("notebooks", "workshop")), connection_dir_root=str(runtime),
        tornado_settings={"log_function": lambda _: None},  # neither who came nor when
    )  # fmt: skip
    app.initialize([])
    app.start()


if __name__ == "__main__":
    main()
