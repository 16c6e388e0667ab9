"""`gateway demo`: a call each way through a real gateway on loopback, and a page that shows what became of its context.

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
from gateway.lab.driver import LabError
from gateway.lab.office import office_of
from gateway.lab.page import show_call, show_failure, show_opening, show_title, show_verdict
from gateway.lab.pbx import PBX_ADDRESS, OpenPbx, open_telephone
from gateway.lab.scenes import CONTRACT, TO_PBX, TO_TWILIO, Scene
from gateway.lab.sheet import Ink
from gateway.lab.stage import GATEWAY_ADDRESS, TWILIO_ADDRESS, Stage
from gateway.lab.verdict import Check, judge

PASSED = 0
FAILED = 1
SCENES = (TO_TWILIO, TO_PBX)
ADDRESSES = {"PBX": PBX_ADDRESS, "gateway": GATEWAY_ADDRESS, "Twilio": TWILIO_ADDRESS}


def main(contract: str = CONTRACT, asterisk: str | None = None) -> int:
    """Play the demo; `contract` is the context section of the gateway's configuration. Returns the exit code.

    `asterisk` is the folder of an unpacked Asterisk that is the PBX then.

    Raises:
        StartError: this machine cannot run it.
    """
    try:
        open_pbx = office_of(read_tree(Path(asterisk))) if asterisk else open_telephone
    except LabError as error:
        raise StartError(str(error)) from None
    folder = Path(tempfile.mkdtemp(prefix="gateway-demo-"))
    try:
        passed = Demo(folder, open_pbx).run(contract)
    except KeyboardInterrupt:
        say(["interrupted"])
        passed = False
    if passed:
        shutil.rmtree(folder)
        return PASSED
    say([f"Configuration, logs and recordings are in {folder}"])
    return FAILED


class Demo:
    """One run of the demo, told as it goes. What its processes write is in `folder`."""

    def __init__(self, folder: Path, open_pbx: OpenPbx) -> None:
        self._folder = folder
        self._open_pbx = open_pbx
        self._ink = Ink(colours=sys.stdout.isatty(), unicode=(sys.stdout.encoding or "").lower().startswith("utf"))
        self._checks: list[Check] = []

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
        say(show_verdict(self._checks, time.monotonic() - began, self._ink))
        return all(check.passed for check in self._checks)

    def _play(self, stage: Stage, scene: Scene, number: int) -> None:
        say(show_title(scene, number, self._ink))
        try:
            played = stage.play(scene)
        except LabError as error:
            self._checks.append(Check(f"call {number} goes through", False, str(error)))
            say(show_failure(str(error), self._ink))
            return
        self._checks.extend(judge(played))
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


def say(lines: list[str]) -> None:
    """Write for whoever watches, at once; what the terminal cannot show becomes a question mark."""
    encoding = sys.stdout.encoding or "utf-8"
    text = "".join(f"{line}\n" for line in lines)
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()
