"""browser.py - the address of a page -> Chromium without a screen that looks at it: texts, clicks, a picture, what went
wrong.

    with Browser(node=head) as browser:
        page = browser.open("http://127.0.0.1:8080/", 1280, 800)
        page.wait("document.querySelectorAll('.node').length === 64")
        assert page.run("document.title") == "64 nodes"
        page.picture(path)                                  a PNG
        assert not page.errors and page.origins() == {"http://127.0.0.1:8080"}
"""
# SPDX-License-Identifier: GPL-2.0-or-later
# packages: chromium
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
import urllib.parse

import netns

ARGUMENTS = ("--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars",
             "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-extensions", "--disable-dev-shm-usage", "--force-color-profile=srgb", "--mute-audio")


class Browser:
    """One Chromium, in a machine of a Lab where one is given; gone at the end."""

    def __init__(self, node=None):
        self.folder = tempfile.mkdtemp(prefix="browser-")
        to_it, self.write_fd = os.pipe()
        self.read_fd, from_it = os.pipe()
        command = [netns.need("chromium", "chromium"), *ARGUMENTS, f"--user-data-dir={self.folder}", "about:blank"]
        argv = ["sh", "-c", f'exec "$@" 3<&{to_it} 4>&{from_it}', "browser", *command]
        self.process = subprocess.Popen(node.command(argv) if node else argv, pass_fds=(to_it, from_it),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, start_new_session=True,
                                        env={**os.environ, "HOME": self.folder})
        os.close(to_it)
        os.close(from_it)
        self.number, self.rest, self.events = 0, b"", []

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            os.killpg(self.process.pid, 9)
        except ProcessLookupError:
            pass
        self.process.wait()
        os.close(self.read_fd)
        os.close(self.write_fd)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _next(self, deadline):
        """The next message; None when there is none by then."""
        while b"\0" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.read_fd], [], [], left)[0]:
                return None
            data = os.read(self.read_fd, 1 << 20)
            assert data, "the browser has ended"
            self.rest += data
        text, _, self.rest = self.rest.partition(b"\0")
        return json.loads(text)

    def call(self, method, session=None, timeout=60, **values):
        """What METHOD of Chromium's DevTools protocol returns."""
        self.number += 1
        message = {"id": self.number, "method": method, "params": values}
        if session:
            message["sessionId"] = session
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout
        while (answer := self._next(deadline)) is not None:
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self.events.append(answer)
        raise AssertionError(f"{method}: no answer in {timeout} s")

    def open(self, url, width, height, scale=1, phone=False):
        """The page at URL, in a window of that size."""
        return Page(self, url, width, height, scale, phone)


class Page:
    """One open page."""

    def __init__(self, browser, url, width, height, scale, phone):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale,
                  mobile=phone)
        self.call("Page.navigate", url=url)

    def call(self, method, **values):
        return self.browser.call(method, session=self.session, **values)

    def run(self, script):
        """The value of a piece of script in the page."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, script, timeout=30):
        """Waits until the script's value is true."""
        deadline = time.monotonic() + timeout
        while not self.run(f"Boolean({script})"):
            assert time.monotonic() < deadline, f"not true in {timeout} s: {script}; {self.errors}"
            time.sleep(0.1)

    def _events(self, method):
        return [event["params"] for event in self.browser.events
                if event.get("method") == method and event.get("sessionId") == self.session]

    @property
    def errors(self):
        """What its console has of warnings and errors, and what was thrown."""
        said = [entry["entry"]["text"] for entry in self._events("Log.entryAdded")
                if entry["entry"]["level"] in ("warning", "error")]
        said += [str(call["args"]) for call in self._events("Runtime.consoleAPICalled")
                 if call["type"] in ("warning", "error", "assert")]
        return said + [str(thrown["exceptionDetails"]) for thrown in self._events("Runtime.exceptionThrown")]

    def origins(self):
        """Whom it has asked for anything."""
        urls = [event["request"]["url"] for event in self._events("Network.requestWillBeSent")]
        return {"{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(url)) for url in urls}

    def picture(self, path):
        """What the window shows, as a PNG in PATH."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
