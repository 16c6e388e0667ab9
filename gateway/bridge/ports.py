"""What the engine asks of the shells, and what they ask of it.

`SipPort` is implemented by `sip`, `Observer` by `ops`, `VariablePort` by `pbx`, `Control` by `app`.
`Control` is called from any thread, the others on the SIP thread.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from gateway.bridge.commands import HeaderList, Place
from gateway.bridge.events import Event
from gateway.bridge.health import Probe, ProbeEnded, RegistrationEnded
from gateway.bridge.record import CallRecord, LegMedia
from gateway.bridge.terms import TransferResult
from gateway.bridge.tls import TlsFailure
from gateway.core.frozen import frozen
from gateway.core.message import SipMessage
from gateway.core.plan import Plan, TransferMode
from gateway.core.receipt import ReceiptEntry
from gateway.core.referral import DialogId
from gateway.core.terms import Direction, On
from gateway.core.variables import VariableWrite

LegId = int
"""Names a leg between engine and `sip`; never used twice in a process."""


@frozen
class Arrival:
    """An INVITE that reached us, before anyone decided whether it becomes a call."""

    leg: LegId
    trunk: str
    """Name of the trunk whose `allow` holds the source."""
    source_address: str
    message: SipMessage
    at: float
    """Monotonic time of its arrival."""


@frozen
class LegReport:
    """Something happened to a leg."""

    leg: LegId
    event: Event


@frozen
class MediaReport:
    """A leg's stream ended with these figures."""

    leg: LegId
    media: LegMedia


@frozen
class Refusal:
    """The stack turned an INVITE away before it could become a call."""

    reason: str
    source_address: str
    code: int
    count: int = 1
    """So many alike; the address is that of the last."""


Report = Arrival | LegReport | MediaReport | Refusal | TlsFailure | ProbeEnded | RegistrationEnded


class SipPort(Protocol):
    """Legs. Nothing here raises for what a peer does: what fails comes back as the leg's end."""

    def adopt(self, plan: Plan) -> None:
        """Use the trunks of `plan` for legs from now on."""

    def poll(self, seconds: float) -> None:
        """Let the stack work; returns after `seconds` or as soon as it did something."""

    def reports(self) -> Iterator[Report]:
        """What happened since the last call, in order."""

    def place(self, order: Place, session_id: str) -> LegId:
        """Start an outbound leg, whose peer is told this Session-ID until it is told another."""

    def identify(self, leg: LegId, session_id: str) -> None:
        """Tell the peer of a leg this Session-ID, in all messages from now on."""

    def call_id(self, leg: LegId) -> str:
        """SIP Call-ID of a leg; empty once it is gone."""

    def heard(self, leg: LegId) -> bool:
        """Whether the peer gave any sign of life since the leg was placed: any response, 100 included."""

    def silence(self, leg: LegId) -> float:
        """Seconds since RTP came from a leg, or was first expected; 0 while none is to come."""

    def progress(self, leg: LegId, code: int, headers: HeaderList) -> None:
        """Send a provisional response; 183 carries SDP."""

    def join(self, one: LegId, other: LegId) -> None:
        """Connect the media of two legs as soon as both flow; either leaves the one that it was connected with."""

    def answer(self, leg: LegId, headers: HeaderList) -> None:
        """Send 200."""

    def offer(self, leg: LegId, hold: bool) -> None:
        """Offer audio anew to a leg that is up; what is in the way comes back as its glare."""

    def probe(self, probe: Probe) -> None:
        """Ask a URI whether it is there; the end is reported."""

    def register(self, trunk: str) -> None:
        """Register a trunk again; the answer is reported, as those to the stack's own refreshes are."""

    def refuse(self, leg: LegId, code: int, headers: HeaderList) -> None:
        """Send a final failure; the leg's end is reported."""

    def find(self, dialog: DialogId) -> LegId | None:
        """The leg whose dialog this is, as its Replaces names it to us; None if there is none."""

    def answer_refer(self, leg: LegId, code: int, headers: HeaderList) -> None:
        """Send the final response to the REFER of a leg that waits longest; after a 2xx it is told that we try."""

    def refer(self, leg: LegId, refer_to: str) -> None:
        """Send REFER; its answer and what the peer tells of it are reported."""

    def notify_refer(self, leg: LegId, code: int, is_final: bool) -> None:
        """Tell a leg how the call goes that it asked for, if it wants to know."""

    def hangup(self, leg: LegId, headers: HeaderList) -> None:
        """CANCEL or BYE; the leg's end is reported. A leg that is gone is left alone."""


class Observer(Protocol):
    """Watches calls. Cheap, and never raises."""

    def call_started(self, direction: Direction) -> None: ...

    def call_ended(self, record: CallRecord) -> None: ...

    def context_mapped(self, direction: Direction, on: On, receipt: Sequence[ReceiptEntry], size: int) -> None: ...

    def invite_rejected(self, reason: str, source_address: str, count: int = 1) -> None: ...

    def response(self, trunk: str, direction: str, code: int) -> None:
        """A response on a trunk; `direction` is `sent` or `received`."""

    def transfer(self, mode: TransferMode, result: TransferResult) -> None:
        """A transfer was refused, or came to its end."""

    def trunk_changed(self, trunk: str, uri: str, is_up: bool) -> None:
        """A URI of a trunk began or ceased to answer."""

    def registration_ended(self, ended: RegistrationEnded, is_news: bool) -> None:
        """A registrar took or refused us; `is_news`: unlike before."""

    def tls_failed(self, failure: TlsFailure) -> None:
        """A TLS connection was given up."""

    def header_unbelieved(self, trunk: str, header: str) -> None:
        """A header of a trunk was left out: the trunk cannot vouch for it."""

    def caller_hidden(self, trunk: str) -> None:
        """A call went to a trunk without saying who calls, as the caller asked for privacy."""

    def loop_lag(self, seconds: float) -> None: ...


class VariablePort(Protocol):
    """Sets variables on channels of a PBX. It returns at once, whatever state the PBX is in, and never raises."""

    def write(self, write: VariableWrite) -> None: ...


@frozen
class Ports:
    """All that the engine acts through."""

    sip: SipPort
    observer: Observer
    variables: VariablePort


class Phase(enum.StrEnum):
    """Where the process is in its life."""

    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPING = "stopping"


@frozen
class TrunkStatus:
    """A trunk as the operator sees it."""

    name: str
    side: str
    usable: bool
    down: tuple[str, ...] = ()
    """Those of its `uris` that do not answer."""


@frozen
class Status:
    """The process at a glance. `started` is unix time."""

    phase: Phase
    started: float
    calls: int
    plan_hash: str
    trunks: tuple[TrunkStatus, ...]

    @property
    def ready(self) -> bool:
        """Whether new calls are welcome."""
        return self.phase is Phase.RUNNING and any(trunk.usable for trunk in self.trunks)


class Control(Protocol):
    """What the operator may ask; answers are frozen snapshots."""

    def status(self) -> Status: ...

    def calls(self) -> tuple[CallRecord, ...]:
        """Calls in progress."""

    def call(self, call_id: str) -> CallRecord | None:
        """One call in progress."""

    def drain(self) -> None:
        """Take no new calls and end when the last one did."""

    def reload(self) -> Sequence[str]:
        """Load the configuration again; the problems that kept the old one, or nothing."""

    def end_call(self, call_id: str) -> bool:
        """End a call; False if there is none of that id."""

    def config(self) -> Mapping[str, object]:
        """The running configuration with its secrets hidden."""
