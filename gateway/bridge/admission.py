"""Whether an INVITE of a known trunk becomes a call: limits, drain and loops. Pure; time is given."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from gateway.bridge.commands import HeaderList
from gateway.bridge.outcome import warning_header
from gateway.bridge.reading import forwards_left
from gateway.core.message import SipMessage
from gateway.core.plan import Plan
from gateway.core.uri import split_list

DRAIN_RETRY_SECONDS = 30
"""A restart takes about this long; RFC 3261, section 20.33."""
FULL_RETRY_SECONDS = 5
RATE_RETRY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why an INVITE is turned away, and how."""

    reason: str
    code: int
    headers: HeaderList


def _busy(reason: str, retry_seconds: int, text: str) -> Rejection:
    return Rejection(reason, 503, (("Retry-After", str(retry_seconds)), warning_header(text)))


DRAINING = _busy("draining", DRAIN_RETRY_SECONDS, "this gateway takes no new calls: it is draining")
FULL = _busy("limit-calls", FULL_RETRY_SECONDS, "limits.calls is reached")
TOO_FAST = _busy("limit-rate", RATE_RETRY_SECONDS, "limits.calls_per_second is reached")
LOOP = Rejection("loop", 482, (warning_header("this call already passed through this gateway"),))
NOT_ALLOWED = Rejection("unknown-source", 403, (warning_header("no trunk allows this source address"),))
NO_DIALOG = Rejection("no-dialog", 481, (warning_header("Replaces names no call of this gateway"),))
NOT_EARLY = Rejection("no-dialog", 486, (warning_header("the call that Replaces names is answered already"),))
TOO_MANY_HOPS = Rejection("too-many-hops", 483, (warning_header("Max-Forwards is used up"),))

REJECT_REASONS = ("draining", "limit-calls", "limit-rate", "loop", "no-dialog", "too-many-hops")


class Admission:
    """Decides on arrivals. The rate is a token bucket that holds one second's worth of calls."""

    def __init__(self, plan: Plan) -> None:
        self._limits = plan.limits
        self._own_hops = own_hops(plan)
        self._tokens = float(plan.limits.calls_per_second)
        self._refilled: float | None = None

    def check(self, message: SipMessage, now: float, active: int, own_call_ids: Container[str]) -> Rejection | None:
        """Why this INVITE is turned away, or None. `own_call_ids` are the Call-IDs of the legs we placed."""
        if forwards_left(message) <= 0:
            return TOO_MANY_HOPS
        if self._passed_us(message, own_call_ids):
            return LOOP
        if active >= self._limits.calls and not takes_a_place(message):
            return FULL
        return None if self._take_token(now) else TOO_FAST

    def takes_another(self, now: float) -> bool:
        """Whether a call that is up may have us place one more, as an INVITE would (`limits.calls_per_second`)."""
        return self._take_token(now)

    def _passed_us(self, message: SipMessage, own_call_ids: Container[str]) -> bool:
        """A proxy keeps Call-ID and Via, so either shows that this INVITE is one of ours (RFC 3261, section 16.3)."""
        if message.headers.first("Call-ID") in own_call_ids:
            return True
        hops = [hop for value in message.headers.all("Via") for hop in split_list(value)]
        return any(sent_by(hop) in self._own_hops for hop in hops[1:])

    def _take_token(self, now: float) -> bool:
        rate = self._limits.calls_per_second
        elapsed = now - self._refilled if self._refilled is not None else 0.0
        self._refilled = now
        self._tokens = min(float(rate), self._tokens + elapsed * rate)
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def takes_a_place(invite: SipMessage) -> bool:
    """Whether an INVITE is part of a call that is up, and no call more (RFC 3891)."""
    return "Replaces" in invite.headers


def own_hops(plan: Plan) -> frozenset[str]:
    """How our own Via reads, as `host:port`, for every address that the configuration names."""
    hops = set()
    for listener in plan.listeners:
        for host in (listener.host, plan.public_address):
            if host and host not in ("0.0.0.0", "::"):
                hops.add(f"{host}:{listener.port}".lower())
    return frozenset(hops)


def sent_by(via: str) -> str:
    """`host:port` of one Via value (RFC 3261, section 20.42); the port defaults to 5060, or 5061 for TLS."""
    sender = via.partition(";")[0].rpartition("/")[2]  # of "SIP / 2.0 / UDP host : port", blanks anywhere
    transport, *rest = sender.split() or [""]
    host = "".join(rest).lower()
    if not host:
        return ""
    default = "5061" if transport.upper() == "TLS" else "5060"
    return host if ":" in host.rsplit("]", 1)[-1] else f"{host}:{default}"
