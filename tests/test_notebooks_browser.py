"""The notebooks in a browser: each slider is moved, the figure follows, nothing is complained of.

Needs what `pip install '.[examples,browser]'` installs, and Chromium from the system's packages.
"""

import contextlib
import importlib.util
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "examples" / "notebooks"
PACKAGES = ("playwright", "voila", "ipykernel", "ipywidgets", "matplotlib")
MISSING = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
SLIDERS = {"bivariate_normal": 6, "curve_fit": 3, "phase_portrait": 2}
KEYS = ["ArrowLeft"] * 2 + ["ArrowRight"] * 4 + ["ArrowLeft"] * 4
FRAME = 33.0
"""Milliseconds from one picture of a film to the next."""

# Notes the milliseconds from each key to the picture that follows it, and how often it changed.
WATCH = """() => {
  const image = document.querySelector(".widget-image");
  let start = 0;
  window.redraws = [];
  document.addEventListener("keydown", () => { start = performance.now(); }, true);
  new MutationObserver(() => {
    const begun = start;
    image.decode().then(() => window.redraws.push(performance.now() - begun));
  }).observe(image, {attributes: true, attributeFilter: ["src"]});
}"""
PIXELS = """async () => {
  const blob = await (await fetch(document.querySelector(".widget-image").src)).blob();
  return Array.from(new Uint8Array(await blob.arrayBuffer())).join();
}"""
IDLE = """(n) => window.redraws.length > n"""


@contextlib.contextmanager
def served(log):
    """The address of a Jupyter server in the folder, with the configuration there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter_server", "--no-browser", f"--port={port}", "--allow-root",
         "--config=jupyter_server_config.py", "--ServerApp.port_retries=0",
         "--IdentityProvider.token="],
        cwd=FOLDER, stdout=log, stderr=log)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=10).close()
                break
            assert server.poll() is None, "the server has stopped"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def complaints(page):
    """A list that errors of a page go to, but for pictures of letters from a foreign server."""
    found = []
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: message.type == "error"
            and "127.0.0.1" in message.location["url"] and found.append(message.text))
    return found


def redraws(page, handle):
    """Milliseconds to each redraw while a slider goes back and forth."""
    page.evaluate("window.redraws.length = 0")
    handle.focus()
    before = page.evaluate(PIXELS)
    for n, key in enumerate(KEYS):
        page.keyboard.press(key)
        page.wait_for_function(IDLE, arg=n, timeout=20_000)
        if n == 0:
            assert page.evaluate(PIXELS) != before, "the picture stays as it is"
    return page.evaluate("window.redraws")


@pytest.mark.long
@pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium")
@pytest.mark.parametrize("name", SLIDERS)
def test_sliders_in_a_browser(name, tmp_path):
    from playwright.sync_api import sync_playwright

    with (open(tmp_path / "server.log", "w") as log, served(log) as address,
          sync_playwright() as play):
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1100, "height": 800})
        found = complaints(page)
        page.goto(f"{address}/voila/render/{name}.ipynb", timeout=90_000)
        page.wait_for_selector(".widget-image", timeout=90_000)
        page.wait_for_function("document.querySelector('.widget-image').naturalWidth > 0")
        page.evaluate(WATCH)
        handles = page.locator(".noUi-handle")
        assert handles.count() == SLIDERS[name]
        medians = [statistics.median(redraws(page, handles.nth(i))[1:])
                   for i in range(handles.count())]
        browser.close()
    print(name, "redrawn within (ms)", [round(m, 1) for m in medians])
    assert not found
    # Other programs on the machine, and the browser itself, may take as much again.
    assert min(medians) < 3 * FRAME
