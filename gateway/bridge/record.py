"""What is kept of a call: one frozen record, the same for the log, the admin API and the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from gateway.bridge.outcome import Outcome
from gateway.bridge.terms import Role, TransferResult
from gateway.core.frozen import frozen
from gateway.core.plan import TransferMode
from gateway.core.receipt import ReceiptEntry
from gateway.core.terms import Direction


@frozen
class LegMedia:
    """RTP figures of one leg, taken when its stream ended. Times in seconds, `received`/`sent`/`lost` in packets."""

    role: Role
    trunk: str
    received: int
    sent: int
    lost: int
    jitter: float
    round_trip: float
    codec: str = ""
    refused: int = 0
    """Packets that were not taken: from elsewhere than where the peer is, or not encrypted as its are."""


@frozen
class TransferRecord:
    """One transfer that was tried: which leg asked for it, how it was done, where to, and what came of it."""

    by: Role
    mode: TransferMode
    to_trunk: str
    result: TransferResult | None = None
    """None while it goes on."""
    code: int | None = None
    """The SIP code that whoever asked was told at last."""


@frozen
class CallRecord:
    """A call as it stands, or as it ended. Durations in seconds; None: it did not come to that."""

    id: str
    direction: Direction
    state: str
    from_trunk: str
    to_trunk: str
    inbound_call_id: str
    outbound_call_id: str
    """SIP Call-ID of the last attempt; empty before the first."""
    started: float
    """Unix time at which the INVITE arrived."""
    plan_hash: str
    inbound_session_id: str = ""
    """UUID of the end at this leg (RFC 7989): its own, or the one that we gave it."""
    outbound_session_id: str = ""
    setup_seconds: float | None = None
    """INVITE in to first INVITE out."""
    post_dial_delay_seconds: float | None = None
    """INVITE in to the first 18x that we sent back."""
    answer_seconds: float | None = None
    """INVITE in to the 200 that we sent back."""
    duration_seconds: float | None = None
    """Answer to end."""
    ended: float | None = None
    """Unix time of the end."""
    outcome: Outcome | None = None
    code: int | None = None
    """Final SIP code of a call that was not answered."""
    twilio_error: int | None = None
    """Twilio's number for the reason of its refusal."""
    attempts: int = 0
    receipt: tuple[ReceiptEntry, ...] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    """Field to value, `pii` and `secret` already hidden."""
    media: tuple[LegMedia, ...] = ()
    transfers: tuple[TransferRecord, ...] = ()
    """The last of them; what was refused at once is only counted."""
