"""The page of `cortex explore` in a real browser, without a window."""

import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from contextlib import contextmanager

import pytest

from cortex.explore import RingScene, as_python, scene_from

pytest.importorskip("nicegui", reason="NiceGUI is not installed: pip install -e '.[browser]'")
webdriver = pytest.importorskip(
    "selenium.webdriver", reason="Selenium is not installed: pip install -e '.[browser]'"
)
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync"""
LONG = 240  # s, for two compilations on a busy machine
CLIENT = "from cortex.cli import main; main()"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("default"),  # of the browser's driver
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium with chromedriver on PATH"),
]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The page, served by another process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-c", CLIENT, "explore", "--no-browser", "--port", str(port)]
    folder = tmp_path_factory.mktemp("served")
    with open(folder / "log", "w") as log:
        # The library of the page takes a process with this variable for one of its own tests.
        env = {name: value for name, value in os.environ.items() if "PYTEST" not in name}
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
        try:
            until(lambda: server.poll() is not None or answers(port), "the server answers")
            yield f"http://127.0.0.1:{port}/"
        finally:
            server.terminate()
            server.wait(30)
    assert "Traceback" not in (folder / "log").read_text()


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS.split(), f"--user-data-dir={tmp_path / 'user'}", "--window-size=1280,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    found = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield found
    complaints = [row for row in found.get_log("browser") if row["level"] in ("SEVERE", "WARNING")]
    found.quit()
    assert complaints == []


def answers(port):
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def until(true, what):
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.1)
    raise AssertionError(f"in {LONG} s: {what}")


def caption(browser):
    found = browser.find_elements("css selector", "[data-role=caption]")
    return found[0].text if found else ""


def pictures(browser):
    """Every chart and map as text."""
    charts = "[...document.querySelectorAll('canvas')].map(c => c.toDataURL())"
    maps = "[...document.querySelectorAll('.maps svg')].map(m => m.outerHTML)"
    return browser.execute_script(f"return [...{charts}, ...{maps}]")


def opened(browser, link):
    browser.get(link)
    until(lambda: "computed in" in caption(browser), "the page is drawn")
    return settled(browser)


def settled(browser):
    """The pictures, once they stay as they are."""
    last: list = []

    def same():
        nonlocal last
        before, last = last, pictures(browser)
        time.sleep(0.3)
        return last and before == last and last

    return until(same, "the pictures stay")


@contextmanager
def changed(browser):
    """Within the block something is done that redraws all pictures."""
    before = settled(browser)
    yield
    until(lambda: pictures(browser) != before and "computed in" in caption(browser), "redrawn")
    settled(browser)


def value(browser, path):
    slider = browser.find_element("css selector", f"[data-path='{path}']")
    return float(slider.get_attribute("aria-valuenow"))


def press(browser, text):
    (button,) = (b for b in browser.find_elements("tag name", "button") if b.text == text)
    button.click()


@pytest.mark.parametrize("network", ["ring", "sheet"])
def test_a_slider_redraws_and_the_link_restores_it(address, browser, network):
    opened(browser, f"{address}?network={network}")
    before, numbers = value(browser, "first.contrast"), regime(browser)
    with changed(browser):
        track = browser.find_element("css selector", "[data-path='first.contrast'] [tabindex]")
        track.send_keys(5 * webdriver.Keys.ARROW_RIGHT)
    assert value(browser, "first.contrast") == before + 5
    assert regime(browser) != numbers
    link = until(lambda: "first.contrast" in browser.current_url and browser.current_url, "a link")
    drawn = settled(browser)
    assert opened(browser, link) == drawn
    assert value(browser, "first.contrast") == before + 5


def told(browser):
    """The text in the open dialog, once it is there."""
    find = "return document.querySelector('.q-dialog code')?.innerText"
    return until(lambda: (browser.execute_script(find) or "").strip(), "a text")


def regime(browser):
    return [one.text for one in browser.find_elements("css selector", ".number")]


def test_network_form_of_attention_and_texts(address, browser):
    opened(browser, address)
    press(browser, "as Python")
    assert told(browser).split() == as_python(RingScene()).split()
    browser.find_element("tag name", "body").send_keys(webdriver.Keys.ESCAPE)
    time.sleep(0.5)
    with changed(browser):
        press(browser, "Sheet")
    until(lambda: "network=sheet" in browser.current_url, "the sheet's link")
    assert len(browser.find_elements("css selector", ".maps svg")) == 3
    opened(browser, f"{address}?attention.form=gain+on+drive")
    assert browser.find_elements("css selector", "[data-path='attention.gain']")
    assert not browser.find_elements("css selector", "[data-path='attention.input']")
    press(browser, "as TOML")
    assert scene_from(tomllib.loads(told(browser))).attention.form == "gain on drive"


def test_a_link_that_cannot_be_used_says_so_and_shows_the_default(address, browser):
    opened(browser, f"{address}?first.contrast=200")
    assert "first.contrast: found 200, allowed" in browser.find_element("tag name", "body").text
    assert value(browser, "first.contrast") == 20
