"""Can sixty people join at once, and is every answer they were told is saved there, once?

Run: python benchmarks/workshop.py [--people 60] [--items 30] [--browsers 3] [--ordinary 15] [--rounds 1]. Starts the
real command on the sample company, joins with that many clients at once (each fetches what a browser fetches, opens the
websocket, and answers item after item), some of them real Chromium pages, and compares every acknowledged value with
the store afterwards. Then the same with ordinary kernels. Printed: seconds until usable, milliseconds of a save, memory
of a kernel (PSS). Clients run on the same two cores.
"""

import argparse
import asyncio
import contextlib
import os
import platform
import random
import re
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "workshop"))
from participants import ALL_AT_ONCE, Workshop, kept, open_form, take_seat

ASSETS: list[str] = []  # what one browser fetched beside the page, when a browser was asked first
OPTIONS = ("1", "2", "3", "4", "5", "cannot_say")


@dataclass
class Person:
    """One participant: how long until the form answered, how long each save took, and what was acknowledged?"""

    number: int
    usable: float = 0.0
    saves: list[tuple[float, float]] = field(default_factory=list)  # when it began, and milliseconds
    seated: float = 0.0  # when it could be answered
    acknowledged: dict[str, tuple[str, str]] = field(default_factory=dict)  # answer's id -> item, value
    failed: str = ""


def memory(pid: int) -> float:
    """MB of memory that are this process's own, or its part of what it shares (PSS)."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(re.findall(r"^Pss: +(\d+)", text, re.M)[0]) / 1024
    return 0.0


async def take_part(place: Workshop, person: Person, items: list[str], form: str, pause: float) -> None:
    chance = random.Random(person.number)
    began = time.perf_counter()
    try:
        cookie = await take_seat(place.address, place.code, ("sales", "marketing")[person.number % 2])
        line = await open_form(place.address, cookie, assets=tuple(ASSETS))
        person.seated = time.perf_counter()
        person.usable = person.seated - began
        for item in items:
            await asyncio.sleep(chance.uniform(0, 2 * pause))
            answer, value = secrets.token_hex(16), chance.choice(OPTIONS)
            began = time.perf_counter()
            await line.say({"save": [{"id": answer, "form": form, "item": item, "value": value}]})
            said = await line.hear("saved")
            person.saves.append((began, 1000 * (time.perf_counter() - began)))
            if answer in said["saved"]:
                person.acknowledged[answer] = item, value
    except Exception as error:  # noqa: BLE001 (told, and counted as a person for whom it did not work)
        person.failed = f"{type(error).__name__}: {error}"


def compared(store: Path, people: list[Person], in_browsers: int) -> tuple[int, int]:
    """How many acknowledged answers are not in the store as they were said, and how many are there that nobody gave?

    ``in_browsers``: answers of real pages, one each, whose ids only the page knows.
    """
    said = {answer: given for person in people for answer, given in person.acknowledged.items()}
    there = kept(store)
    lost = sum(there.get(answer) != given for answer, given in said.items())
    return lost, len(there.keys() - said.keys()) - in_browsers


async def in_browser(place: Workshop, number: int) -> float:
    """Seconds until a real page could be answered, from the first request on."""
    from playwright.async_api import async_playwright

    found = next(each for name in ("chromium", "chromium-browser", "google-chrome") if (each := shutil.which(name)))
    async with async_playwright() as started:
        browser = await started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        fetched: list[str] = []
        page.on("request", lambda request: fetched.append(request.url.removeprefix(place.address)))
        began = time.perf_counter()
        await page.goto(f"{place.address}/?code={place.code}", timeout=240_000)
        await page.check(f"input[value={('sales', 'marketing')[number % 2]}]")
        await page.click("button", no_wait_after=True)
        await page.wait_for_selector("fieldset input[type=radio]", timeout=240_000)
        await page.locator("fieldset input[type=radio]").first.check(timeout=240_000)
        took = time.perf_counter() - began
        if not ASSETS:
            ASSETS.extend(each for each in fetched if each.startswith("/voila/"))
        await browser.close()
        return took


def first_items(form: dict[str, Any], n: int) -> list[str]:
    return [question["item"] for section in form["sections"] for question in section["questions"]
            if question["kind"] == "choice"][:n]  # fmt: skip


async def measured(
    folder: Path, people: int, n_items: int, browsers: int, pause: float, environment: dict[str, str]
) -> None:
    from alignlib.engagement import read_engagement
    from alignlib.samples import write_sample
    from alignlib.workshop.pages import pages

    engagement = write_sample(folder / "engagement")
    name = "survey"
    items = first_items(asdict(pages(read_engagement(engagement))[name]), n_items)
    place = Workshop(engagement, seats=people + browsers + 2, environment=environment)
    is_first = browsers > 0 and not ASSETS
    try:
        if is_first:
            await in_browser(place, 0)  # once alone: what does a page fetch?
        group = [Person(number) for number in range(people - browsers)]
        tasks = [asyncio.create_task(take_part(place, person, items, name, pause)) for person in group]
        pages_ = [asyncio.create_task(in_browser(place, number)) for number in range(browsers)]
        await asyncio.gather(*tasks)
        seen = await asyncio.gather(*pages_, return_exceptions=True)
        used = sorted(filter(None, map(memory, place.kernels())))
    finally:
        place.end()
    usable = sorted([p.usable for p in group if not p.failed] + [t for t in seen if isinstance(t, float)])
    all_in = max(person.seated for person in group)
    saves = [sorted(took for person in group for began, took in person.saves if (began > all_in) is is_late)
             for is_late in (False, True)]  # fmt: skip
    real = sum(isinstance(each, float) for each in seen) + is_first
    lost, doubled = compared(engagement / "private" / "workshop.sqlite", group, real)
    for person in [p for p in group if p.failed][:3]:
        print(f"  {person.number}: {person.failed}")
    for fault in [each for each in seen if not isinstance(each, float)]:
        print(f"  browser: {fault}")

    def at(values: list[float], share: float) -> float:
        return values[min(int(share * len(values)), len(values) - 1)] if values else float("nan")

    print(f"| {len(usable)} of {people} | {at(usable, 0.5):.1f} / {at(usable, 0.95):.1f} | "
          f"{', '.join(f'{t:.1f}' for t in seen if isinstance(t, float))} | "
          + " | ".join(f"{at(each, 0.5):.0f} / {at(each, 0.95):.0f} / {at(each, 0.99):.0f}" for each in saves)
          + f" | {sum(map(len, saves))} | {lost} | {doubled} | "
          f"{statistics.median(used or [0]):.0f} / {max(used or [0]):.0f} |", flush=True)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    for word, default in (("people", 60), ("items", 30), ("browsers", 3), ("ordinary", 15), ("rounds", 1)):
        parser.add_argument(f"--{word}", type=int, default=default)
    parser.add_argument("--pause", type=float, default=0.5, help="seconds between two answers of a person, on average")
    asked = parser.parse_args()
    AsyncHTTPClient.configure(ALL_AT_ONCE[0], **ALL_AT_ONCE[1])
    print(f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print(
        "| usable | s until usable p50 / p95 | real pages, s | save ms p50 / p95 / p99 while others join | once "
        "all are in | saves | lost | doubled | PSS of a kernel MB, median / most |\n" + "|---" * 9 + "|",
        flush=True,
    )
    for _ in range(asked.rounds):
        for people, more in ((asked.people, {}), (asked.ordinary, {"OMP_NUM_THREADS": "2"})):  # which no fork is given
            if people:
                with tempfile.TemporaryDirectory() as scratch:
                    browsers = min(asked.browsers, people)
                    given = (Path(scratch), people, asked.items, browsers, asked.pause, {**os.environ, **more})
                    asyncio.run(measured(*given))


if __name__ == "__main__":
    main()
