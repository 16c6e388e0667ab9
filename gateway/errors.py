"""Every exception the gateway raises on purpose.

    GatewayError                 sip_code 500, fault "ours"
      ConfigError                the configuration cannot run; holds every problem found
      StoppedError               the gateway is at its end and takes nothing on any more
      StartError                 a valid configuration met a machine that cannot run it
      AdminError                 a running gateway cannot be asked, or refuses what it was asked
      AccountError               Twilio cannot be asked, refuses, or would not do what was asked
      PbxError                   the PBX's own interface, beside SIP, does not answer as it should
      PeerError                  fault "peer"; what a SIP peer sent is not acceptable
        MessageError             400, not a SIP message, or a part of it is malformed
        UriError                 416, not a SIP URI
      CallRefused                the gateway's own policy refuses the call; knows its code

Each error knows the SIP status code its call would get (RFC 3261, section 21) and whose fault it is. It may import
nothing of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Fault = Literal["ours", "peer", "config"]


class GatewayError(Exception):
    """Root of the tree; an error without a better class is our fault."""

    sip_code: int = 500
    fault: Fault = "ours"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a configuration file.

    `path` is the place inside it (`trunks.pbx.uris[0]`), empty for the file as a whole; `text` says what is wrong and
    what would be right.
    """

    file: str
    path: str
    text: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.path}" if self.path else self.file
        return f"{place}: {self.text}"


class ConfigError(GatewayError):
    """A configuration that cannot run; carries every problem, not the first."""

    fault: Fault = "config"

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


class StoppedError(GatewayError):
    """What was asked for will not happen: the gateway has ended its calls and is about to leave."""


class StartError(GatewayError):
    """The machine lacks what the configuration needs: a port, an address, a file, the right PJSIP build."""

    fault: Fault = "config"


class AdminError(GatewayError):
    """A running gateway does not answer on its admin address, or says no; the text is for the person who asked."""


class AccountError(GatewayError):
    """Something asked of Twilio would not work or did not; the text is for the person who asked."""


class PbxError(GatewayError):
    """An interface of the PBX beside SIP (ARI, AMI) does not answer as it should; no call ends for it."""

    fault: Fault = "peer"


class PeerError(GatewayError):
    """What a peer sent is not acceptable."""

    sip_code = 400
    fault: Fault = "peer"


class MessageError(PeerError):
    """Not a SIP message (RFC 3261, section 7), or a header of it is malformed."""


class UriError(PeerError):
    """Not a SIP URI (RFC 3261, section 19.1)."""

    sip_code = 416


class CallRefused(GatewayError):
    """Policy refuses this call.

    `reason` is the kebab-case word for metrics and records; `warning` becomes the text of a Warning header
    (RFC 3261, section 20.43), without any value a peer sent.
    """

    def __init__(self, sip_code: int, reason: str, warning: str) -> None:
        super().__init__(sip_code, reason, warning)
        self.sip_code = sip_code
        self.reason = reason
        self.warning = warning

    def __str__(self) -> str:
        return f"{self.sip_code} {self.reason}: {self.warning}"
