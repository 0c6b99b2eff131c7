"""How does a chart specification become clean SVG? Drawn in one worker process, because vl-convert starts threads.

A process that was forked after vl-convert has run hangs, so no process of ours imports it: one worker is started when
first needed (spawned, never forked), answers one JSON line for each JSON line, and ends with its parent.
What comes back is parsed and written anew from a short list of elements and attributes, so that a chart can hold no
script, no link, no id, no style and no text that is not text.
"""

import atexit
import json
import os
import re
import subprocess
import sys
import threading
from typing import Any
from xml.etree import ElementTree

from alignlib.words import legible

VEGA_LITE = "6.4"  # the newest that vl-convert 1.9 bundles, and what altair 6.3 writes
_WAIT_SECONDS = 120.0  # for one batch of charts; the first includes starting the drawing engine
_ELEMENTS = {"svg", "g", "path", "line", "rect", "circle", "text", "tspan"}
_ATTRIBUTES = {
    "viewBox", "width", "height", "transform", "d", "x", "y", "x1", "x2", "y1", "y2", "r", "cx", "cy", "fill", "stroke",
    "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity", "fill-opacity", "stroke-opacity", "text-anchor",
    "font-size", "font-weight", "font-style", "role", "aria-label",
}  # fmt: skip
_PLAIN = re.compile(
    r"[\w#.,()%+\- ]*"
)  # no colon, no quote, no slash: neither url(...) of another place nor javascript:


class DrawingFailed(RuntimeError):
    """The drawing process ended, did not answer in time, or could not draw this specification."""


class _Worker:
    """One process that draws, and the pipes to it."""

    def __init__(self) -> None:
        # -c and not -m: the worker needs vl-convert alone, not this package and what it imports
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # its panics are told as DrawingFailed, without a stack of its own
            text=True,
            encoding="utf-8",
        )
        self.owner = os.getpid()

    def ask(self, specs: list[dict[str, Any]]) -> list[str]:
        timer = threading.Timer(_WAIT_SECONDS, self.process.kill)
        timer.daemon = True
        timer.start()
        try:
            assert self.process.stdin is not None and self.process.stdout is not None
            self.process.stdin.write(json.dumps({"version": VEGA_LITE, "specs": specs}) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except (OSError, ValueError) as error:
            raise DrawingFailed("the drawing process ended") from error
        finally:
            timer.cancel()
        if not line:
            raise DrawingFailed(f"the drawing process ended or took longer than {_WAIT_SECONDS:.0f} seconds")
        answer = json.loads(line)
        if "error" in answer:
            raise DrawingFailed(str(answer["error"]))
        return list(answer["svg"])

    def alive(self) -> bool:
        return self.owner == os.getpid() and self.process.poll() is None

    def end(self) -> None:
        if self.owner == os.getpid():
            self.process.kill()
            self.process.wait(timeout=5)


_worker: _Worker | None = None
_lock = threading.Lock()


def draw(specs: list[dict[str, Any]]) -> list[str]:
    """Which clean SVG shows each Vega-Lite specification? In the order given, for inlining in HTML.

    A worker that died is started once more; raises DrawingFailed when that fails too, or when a specification is wrong.
    """
    if not specs:
        return []
    with _lock:
        was_running = _worker is not None and _worker.alive()
        try:
            drawn = _running().ask(specs)
        except DrawingFailed:
            if _running_now() or not was_running:  # it is alive and refused, or it died on its first task: no retry
                raise
            drawn = _running().ask(specs)
    return [clean_svg(svg) for svg in drawn]


def _running_now() -> bool:
    return _worker is not None and _worker.alive()


def _running() -> _Worker:
    global _worker
    if _worker is None or not _worker.alive():
        _worker = _Worker()
        atexit.register(_worker.end)
    return _worker


def clean_svg(svg: str, label: str = "") -> str:
    """What is left of an SVG when only shapes and words may stay? ``label`` becomes its text alternative.

    >>> clean_svg('<svg onload="x()"><script>x()</script><text id="a" style="x">A &lt; B</text></svg>')
    '<svg aria-hidden="true"><text>A &lt; B</text></svg>'
    """
    root = ElementTree.fromstring(svg)
    cleaned = _cleaned(root)
    if cleaned is None or cleaned.tag != "svg":
        raise DrawingFailed("this is not an SVG")
    if label:
        cleaned.set("role", "img")
        cleaned.set("aria-label", legible(label))
    elif "aria-label" not in cleaned.attrib:
        cleaned.set("aria-hidden", "true")
    return ElementTree.tostring(cleaned, encoding="unicode")


def _cleaned(node: ElementTree.Element) -> ElementTree.Element | None:
    """This element and its children without what is not on the lists; None when nothing visible is left."""
    tag = str(node.tag).rpartition("}")[2]
    if tag not in _ELEMENTS or node.get("display") == "none" or node.get("class") in ("background", "foreground"):
        return None
    kept = ElementTree.Element(tag)
    for name, text in node.attrib.items():
        if name == "aria-label" and tag == "svg":
            kept.set(name, text)
        elif name in _ATTRIBUTES and (name != "role" or text == "img") and _PLAIN.fullmatch(text):
            kept.set(name, _shorter(name, text))
    children = [child for child in map(_cleaned, node) if child is not None]
    if tag == "g" and not children:
        return None
    if tag == "g" and not kept.attrib and len(children) == 1:
        return children[0]
    kept.extend(children)
    kept.text = node.text if tag in ("text", "tspan") else None
    return kept


def _shorter(name: str, text: str) -> str:
    """Coordinates with two decimals: what a screen can show, at half the size."""
    if name not in ("d", "transform", "x", "y", "x1", "x2", "y1", "y2"):
        return text
    return re.sub(r"\d+\.\d{3,}", lambda match: f"{float(match[0]):.2f}", text)


_SERVE = """
import json, sys
import vl_convert
for line in sys.stdin:
    task = json.loads(line)
    try:
        answer = {"svg": [
            vl_convert.vegalite_to_svg(spec, vl_version=task["version"], allowed_base_urls=[]) for spec in task["specs"]
        ]}
    except Exception as error:
        answer = {"error": str(error)[:500]}
    print(json.dumps(answer), flush=True)
"""
