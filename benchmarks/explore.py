"""From a slider's move to the page of `cortex explore` drawn anew: numbers alone, and in a browser.

    python benchmarks/explore.py            # the numbers alone
    python benchmarks/explore.py URL        # and the page that `cortex explore` serves there

The second needs the extra `browser`, and chromium with chromedriver on PATH.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from typing import Any

import jax
import numpy as np

from cortex.explore import look, scene_from

MOVES = 30
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync"""
# From a key on a slider to the first frame after the pictures got their new numbers.
MOVE = """
const done = arguments[0];
const caption = document.querySelector('[data-role=caption]');
const track = document.querySelector("[data-path='first.contrast'] [tabindex]");
const started = performance.now();
const unseen = setTimeout(() => done(null), 3000);  // the caption said the same time twice
const watch = new MutationObserver(() => {
  watch.disconnect();
  clearTimeout(unseen);
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - started)));
});
watch.observe(caption, {childList: true, characterData: true, subtree: true});
track.focus();
track.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', keyCode: 39, bubbles: true}));
track.dispatchEvent(new KeyboardEvent('keyup', {key: 'ArrowRight', keyCode: 39, bubbles: true}));
"""


def report(what: str, milliseconds: list[float]) -> None:
    low, middle, high = np.quantile(milliseconds, (0.0, 0.5, 0.9))
    print(f"{what:<28}least {low:6.1f}   median {middle:6.1f}   9 of 10 {high:6.1f} ms")


def numbers(network: str) -> None:
    """The computation, at contrasts that rise."""
    spent = []
    for move in range(MOVES + 1):
        scene = scene_from({"network": network, "first": {"contrast": 10.0 + move}})
        started = time.perf_counter()
        jax.block_until_ready(look(scene))
        spent.append(1000 * (time.perf_counter() - started))
    report(f"{network}, the numbers", spent[1:])  # the first compiles


def page(network: str, address: str) -> None:
    """The whole way, in a browser without a window."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    driver = webdriver.ChromeService(shutil.which("chromedriver"))
    with tempfile.TemporaryDirectory() as user:
        for flag in (*FLAGS.split(), f"--user-data-dir={user}", "--window-size=1280,1000"):
            options.add_argument(flag)
        browser = webdriver.Chrome(options=options, service=driver)
        try:
            spent = moves(browser, f"{address}?network={network}&first.contrast=10")
        finally:
            browser.quit()
    report(f"{network}, slider to picture", spent)


def moves(browser: Any, link: str) -> list[float]:
    """Milliseconds of each move of a slider."""
    browser.get(link)
    drawn = "return document.querySelector('[data-role=caption]')?.innerText"
    while "computed in" not in (browser.execute_script(drawn) or ""):
        time.sleep(0.2)
    spent = []
    for _ in range(MOVES):
        time.sleep(0.3)
        spent.append(browser.execute_async_script(MOVE))
    return [one for one in spent if one is not None]


if __name__ == "__main__":
    for name in ("ring", "sheet"):
        numbers(name)
        if len(sys.argv) > 1:
            page(name, sys.argv[1])
