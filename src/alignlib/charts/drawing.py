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
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

from alignlib.errors import AlignError, Problem
from alignlib.words import legible

VEGA_LITE = "6.4"  # the newest that vl-convert 1.9 bundles, and what altair 6.3 writes
_WAIT_SECONDS = 120.0  # for one batch of charts; the first includes starting the drawing engine
_ELEMENTS = {"svg", "g", "path", "line", "rect", "circle", "text", "tspan"}
_ATTRIBUTES = {
    "viewBox", "width", "height", "transform", "d", "x", "y", "x1", "x2", "y1", "y2", "r", "cx", "cy", "fill", "stroke",
    "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity", "fill-opacity", "stroke-opacity", "text-anchor",
    "font-size", "font-weight", "font-style", "role", "aria-label",
}  # fmt: skip
_PLACES, _LONG = {"d", "transform", "x", "y", "x1", "x2", "y1", "y2"}, re.compile(r"\d+\.\d{3,}")
# no colon, no quote, no slash: neither url(...) of another place nor javascript:
_PLAIN = re.compile(r"[\w#.,()%+\- ]*")
# -c and not a module: the worker needs vl-convert alone. It ends when its input does, not when a person interrupts.
_SERVE = """
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
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
_workers: dict[int, subprocess.Popen[str]] = {}  # by the process that started it: a forked one starts its own
_lock = threading.Lock()


def draw(specs: list[dict[str, Any]]) -> list[str]:
    """Which clean SVG shows each Vega-Lite specification? In the order given, for inlining in HTML.

    A worker that died is started once more. Raises AlignError (E-DRAW) when that fails too, or when a specification
    is wrong.
    """
    if not specs:
        return []
    with _lock:
        line = _answer(specs) or _answer(specs)
    if not line:
        ended = "the drawing engine ended twice, or took too long"
        raise AlignError(Problem("E-DRAW", ended, fix="free some memory and try again"))
    answer = json.loads(line)
    if "error" in answer:
        why = " ".join(legible(answer["error"]).split())
        raise AlignError(Problem("E-DRAW", f"a chart cannot be drawn ({why})", fix="tell whoever keeps this kit"))
    return [clean_svg(svg) for svg in answer["svg"]]


def _answer(specs: list[dict[str, Any]]) -> str:
    """What the worker writes back: one whole line, or nothing when it ended or took too long."""
    worker, line = _running(), ""
    timer = threading.Timer(_WAIT_SECONDS, worker.kill)
    timer.daemon = True
    timer.start()
    assert worker.stdin is not None and worker.stdout is not None
    try:
        with suppress(OSError, ValueError):  # its pipe is closed
            worker.stdin.write(json.dumps({"version": VEGA_LITE, "specs": specs}) + "\n")
            worker.stdin.flush()
            line = worker.stdout.readline()
    finally:
        timer.cancel()
        if not line.endswith("\n"):  # it ended, or a person did not wait: the next answer must not be this one's
            _end(os.getpid(), worker)
    return line if line.endswith("\n") else ""


def _running() -> subprocess.Popen[str]:
    """This process' worker, started when there is none alive."""
    found = _workers.get(os.getpid())
    if found is None or found.poll() is not None:
        found = _workers[os.getpid()] = subprocess.Popen(
            [sys.executable, "-P", "-c", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, encoding="utf-8",  # its panics are told without a stack of its own
        )  # fmt: skip
        atexit.register(_end, os.getpid(), found)
    return found


def _end(owner: int, worker: subprocess.Popen[str]) -> None:
    if owner == os.getpid():
        worker.kill()
        worker.wait(timeout=5)


def clean_svg(svg: str, label: str = "") -> str:
    """What is left of an SVG when only shapes and words may stay? ``label`` becomes its text alternative.

    >>> clean_svg('<svg onload="x()"><script>x()</script><text id="a" style="x">A &lt; B</text></svg>')
    '<svg aria-hidden="true"><text>A &lt; B</text></svg>'
    """
    cleaned = _cleaned(ElementTree.fromstring(svg))
    if cleaned is None or cleaned.tag != "svg":
        raise AlignError(Problem("E-DRAW", "what was drawn is no SVG", fix="tell whoever keeps this kit"))
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
            # two decimals of a pixel: what a screen can show, at half the size
            kept.set(name, _LONG.sub(lambda found: f"{float(found[0]):.2f}", text) if name in _PLACES else text)
    children = [child for child in map(_cleaned, node) if child is not None]
    if tag == "g" and (not children or (not kept.attrib and len(children) == 1)):
        return children[0] if children else None
    kept.extend(children)
    kept.text = node.text if tag in ("text", "tspan") else None
    return kept
