"""`gateway demo`: a call each way through a real gateway on loopback, and pages that show what became of its context.

It believes nothing that it did not measure: headers are those that arrived, audio is what was heard.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

from gateway.errors import StartError
from gateway.lab.asterisk import read_tree
from gateway.lab.cloud import APPLICATION_ADDRESS, TWILIO_ADDRESS
from gateway.lab.driver import LabError
from gateway.lab.office import office_of
from gateway.lab.page import show_call, show_failure, show_opening, show_title, show_verdict
from gateway.lab.pbx import PBX_ADDRESS, OpenPbx, open_telephone
from gateway.lab.report import CallReport, Report, Station, report_call, report_failure
from gateway.lab.report_page import build_report_page
from gateway.lab.scenes import CONTRACT, TO_PBX, TO_TWILIO, Scene
from gateway.lab.sheet import Ink
from gateway.lab.showing import is_watched, serve_page
from gateway.lab.stage import GATEWAY_ADDRESS, Stage
from gateway.lab.verdict import Check, judge

PASSED = 0
FAILED = 1
SCENES = (TO_TWILIO, TO_PBX)
ADDRESSES = {
    "PBX": PBX_ADDRESS,
    "gateway": GATEWAY_ADDRESS,
    "Twilio": TWILIO_ADDRESS,
    "application": APPLICATION_ADDRESS,
}


def main(contract: str = CONTRACT, asterisk: str | None = None, page: str | None = None) -> int:
    """Play the demo; `contract` is the context section of the gateway's configuration. Returns the exit code.

    `asterisk` is the folder of an unpacked Asterisk that is the PBX then, `page` the file that the web page goes to. To
    a person at a terminal that page is served until Ctrl-C.

    Raises:
        StartError: this machine cannot run it, or the file cannot be written.
    """
    try:
        open_pbx = office_of(read_tree(Path(asterisk))) if asterisk else open_telephone
    except LabError as error:
        raise StartError(str(error)) from None
    if page:
        _write(page, "")  # what cannot be written is said now, not after the calls
    folder = Path(tempfile.mkdtemp(prefix="gateway-demo-"))
    demo = Demo(folder, open_pbx)
    try:
        passed = demo.run(contract)
    except KeyboardInterrupt:
        say(["interrupted"])
        return _keep(folder)
    if passed:
        shutil.rmtree(folder)
    code = PASSED if passed else _keep(folder)
    show_page(build_report_page(demo.report), page)
    return code


def _keep(folder: Path) -> int:
    say([f"Configuration, logs and recordings are in {folder}"])
    return FAILED


def show_page(text: str, page: str | None) -> None:
    """Write the web page to a file, if there is one to be, and show it to a person, if there is one."""
    if page:
        _write(page, text)
        say([f"As a web page: {page}"])
    if is_watched():
        serve_page(text, lambda url: say([f"As a web page: {url} (Ctrl-C ends this)"]))


def _write(page: str, text: str) -> None:
    try:
        Path(page).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StartError(f"the page cannot be written to {page}: {error.strerror}") from None


class Demo:
    """One run of the demo, told as it goes. What its processes write is in `folder`."""

    def __init__(self, folder: Path, open_pbx: OpenPbx) -> None:
        self._folder = folder
        self._open_pbx = open_pbx
        self._ink = Ink(colours=sys.stdout.isatty(), unicode=(sys.stdout.encoding or "").lower().startswith("utf"))
        self._checks: list[Check] = []
        self._calls: list[CallReport] = []
        self._seconds = 0.0

    @property
    def report(self) -> Report:
        """All that was seen, for a page."""
        return Report(tuple(self._calls), tuple(self._checks), self._seconds)

    def run(self, contract: str) -> bool:
        """Whether everything came true.

        Raises:
            StartError: the processes cannot be started.
        """
        began = time.monotonic()
        try:
            stage = Stage(self._folder, contract, self._open_pbx)
        except LabError as error:
            raise StartError(f"the demo does not start: {error}\nWhat there is of it is in {self._folder}") from None
        with stage:
            say(show_opening(ADDRESSES, stage.pbx.name, self._ink))
            for number, scene in enumerate(SCENES, 1):
                self._play(stage, scene, number)
            self._stop(stage)
        self._seconds = time.monotonic() - began
        say(show_verdict(self._checks, self._seconds, self._ink))
        return all(check.passed for check in self._checks)

    def _play(self, stage: Stage, scene: Scene, number: int) -> None:
        say(show_title(scene, number, self._ink))
        title, stations = f"Call {number}: {scene.caller_name} calls {scene.callee_name}", list_stations(stage, scene)
        try:
            played = stage.play(scene)
        except LabError as error:
            self._checks.append(Check(f"call {number} goes through", False, str(error)))
            self._calls.append(report_failure(scene, title, stations, str(error)))
            say(show_failure(str(error), self._ink))
            return
        self._checks.extend(judge(played))
        self._calls.append(report_call(played, title, stations))
        say(show_call(played, self._ink))

    def _stop(self, stage: Stage) -> None:
        try:
            calls, ending = stage.stop()
        except LabError as error:
            self._checks.append(Check("the gateway stops by itself", False, str(error)))
            return
        lines = "".join(f"\n    {line}" for line in ending.errors)
        self._checks += [
            Check("the gateway has no call left", calls == 0, f"there were {calls}"),
            Check("the gateway ends without an error", ending.clean, f"it ended with code {ending.code}{lines}"),
        ]


def list_stations(stage: Stage, scene: Scene) -> tuple[Station, ...]:
    """Whom a call passes, in its order."""
    kinds = {"PBX": stage.pbx.name, "gateway": "this program", "Twilio": "stand-in", "application": "asked by webhook"}
    stations = tuple(Station(name, f"{kind}, {ADDRESSES[name]}") for name, kind in kinds.items())
    return stations if scene.direction == "to_twilio" else stations[::-1]


def say(lines: list[str]) -> None:
    """Write for whoever watches, at once; what the terminal cannot show becomes a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    text = "".join(f"{line}\n" for line in lines)
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()
