"""A SIP telephone as a process of its own, for whoever needs a PBX or a Twilio to talk to; plays no role itself.

It speaks JSON, one object a line: commands on stdin, events on stdout, nothing else there (what libraries print goes
to stderr). When stdin ends, it hangs up and exits. `gateway.lab.driver` is the comfortable side of it.

Usage: python -m gateway.lab.phone ADDRESS [PORT]      PORT 0, the default, takes a free one

Commands (`headers` are [name, value] pairs and may be left out, as may what stands with `=`)
  {"do": "call", "uri": U, "headers": H, "caller": C=""}       INVITE; C is the name-addr of From
  {"do": "answer", "call": N, "code": 200, "headers": H}       any response: 180, 183 (early audio), 200, 486 ...
  {"do": "hangup", "call": N, "code": 0, "headers": H}         CANCEL, BYE, or the final response `code`
  {"do": "play", "call": N, "hz": 440, "dbfs": -12=}           a tone from now on, or from when audio flows
  {"do": "listen", "call": N, "path": P, "seconds": 1.0}       record what is heard to a WAV file
  {"do": "press", "call": N, "digits": "12#"}                  DTMF by RFC 4733
  {"do": "refer", "call": N, "target": T}                      REFER; T is the value of Refer-To
  {"do": "hold", "call": N, "on": true}                        hold the other side, or resume

Events (`call` numbers the calls of this process from 1; `message` is the SIP message as it came, null without one)
  ready      uri, address, port                  after the start
  placed     call, call_id                       answers `call`; the SIP Call-ID
  invite     call, message, source               an INVITE arrived; it rings until it is answered
  progress   call, code, message                 a provisional response other than 100
  answered   call, message                       200 arrived
  confirmed  call                                the ACK was sent or arrived
  audio      call, codec                         audio flows from now on
  digit      call, digit                         a DTMF digit arrived
  refer      call, message                       a REFER arrived; this telephone declines every one
  refer-answered  call, code                     the final response to a REFER of its own
  referred   call, code, final                   NOTIFY: what the call has come to that such a REFER asked for
  recorded   call, path                          a recording is complete
  ended      call, code, reason, message         the call is over, whoever ended it
  failed     do, reason                          a command could not be carried out; nothing happened
  fault      call                                a bug of the telephone, its traceback is on stderr
"""

from __future__ import annotations

import json
import logging
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

import pjsua2 as pj

from gateway.lab.agent import Agent, Event, LabCall, Order, call_settings
from gateway.lab.tone import LOUDNESS_DBFS

POLL_SECONDS = 0.01
CHUNK = 65536

Command = dict[str, object]


class Lines:
    """Whole lines of a descriptor, read without waiting."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._rest = b""
        self.ended = False

    def read(self) -> list[bytes]:
        """The lines that are there; `ended` is set once there will be no more."""
        while not self.ended and select.select([self._descriptor], [], [], 0)[0]:
            chunk = os.read(self._descriptor, CHUNK)
            self.ended = not chunk
            self._rest += chunk
        *lines, self._rest = self._rest.split(b"\n")
        return lines


class Phone:
    """Carries out commands with an agent."""

    def __init__(self, agent: Agent, tell: Callable[[Event], None]) -> None:
        self._agent = agent
        self._tell = tell
        self._on_call: dict[str, Callable[[LabCall, Command], None]] = {
            "answer": _answer,
            "hangup": _hangup,
            "play": _play,
            "listen": _listen,
            "press": _press,
            "refer": _refer,
            "hold": _hold,
        }

    def obey(self, line: bytes) -> None:
        """Carry out one command, or tell why not."""
        command: Command = {}
        try:
            command = dict(json.loads(line))
            self._carry_out(command)
        except pj.Error as error:
            self._tell({"event": "failed", "do": command.get("do"), "reason": error.reason})
        except (ValueError, TypeError, KeyError) as error:
            self._tell({"event": "failed", "do": command.get("do"), "reason": repr(error)})

    def _carry_out(self, command: Command) -> None:
        if command["do"] == "call":
            call = self._agent.place(Order(str(command["uri"]), _headers(command), str(command.get("caller", ""))))
            call.report("placed", call_id=call.getInfo().callIdString)
            return
        action = self._on_call[str(command["do"])]
        found = self._agent.find(_whole(command["call"]))
        if found is None:
            raise ValueError("no such call, or it is over")
        action(found, command)


def _answer(call: LabCall, command: Command) -> None:
    call.answer(call_settings(_headers(command), _whole(command.get("code", 200))))


def _hangup(call: LabCall, command: Command) -> None:
    call.hangup(call_settings(_headers(command), _whole(command.get("code", 0))))


def _play(call: LabCall, command: Command) -> None:
    call.play(_whole(command["hz"]), _number(command.get("dbfs", LOUDNESS_DBFS)))


def _listen(call: LabCall, command: Command) -> None:
    call.listen(Path(str(command["path"])), _number(command["seconds"]))


def _press(call: LabCall, command: Command) -> None:
    call.dialDtmf(str(command["digits"]))


def _refer(call: LabCall, command: Command) -> None:
    call.refer(str(command["target"]))


def _hold(call: LabCall, command: Command) -> None:
    if not call.offer(bool(command["on"])):
        raise ValueError("an offer is under way")


def _decline(call: LabCall | None) -> None:
    if call is not None:
        call.answerRefer(pj.PJSIP_SC_DECLINE, "")


def _headers(command: Command) -> tuple[tuple[str, str], ...]:
    given = command.get("headers", [])
    if not isinstance(given, list):
        raise ValueError("headers must be a list of [name, value] pairs")
    return tuple((str(name), str(value)) for name, value in given)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError(f"{value!r} is not a whole number")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise ValueError(f"{value!r} is not a number")
    return value


def own_stdout() -> int:
    """Keep stdout for events: PJSIP prints a few lines there before anyone can tell it not to."""
    events = os.dup(1)
    os.dup2(2, 1)
    return events


def main(arguments: list[str]) -> int:
    """Run until stdin ends.

    Raises:
        SystemExit: it cannot start.
    """
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s")
    address, port = arguments[0], int(arguments[1]) if len(arguments) > 1 else 0
    out = open(own_stdout(), "w", encoding="utf-8", buffering=1)  # noqa: SIM115 - it lives as long as the process
    referred: list[int] = []

    def tell(event: Event) -> None:
        out.write(json.dumps(event) + "\n")
        if event["event"] == "refer":
            referred.append(_whole(event["call"]))

    try:
        agent = Agent(address, port, tell)
    except pj.Error as error:
        sys.exit(f"no telephone at {address} port {port}: {error.reason}")
    phone, lines = Phone(agent, tell), Lines(0)
    tell({"event": "ready", "uri": f"sip:{address}:{agent.port}", "address": address, "port": agent.port})
    try:
        while not lines.ended:
            for line in lines.read():
                phone.obey(line)
            agent.poll(POLL_SECONDS)
            while referred:  # not while the stack is at it
                _decline(agent.find(referred.pop()))
    finally:
        agent.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
