"""What operators learn of calls as they happen: metrics, log lines and records, from one place. It decides nothing.

The engine calls it on the SIP thread, so everything here is a few dictionary look-ups and one formatted line at most.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from gateway.bridge.tls import ADVICE
from gateway.core.throttle import Throttle
from gateway.ops import advice
from gateway.ops.logs import log_call_ended
from gateway.ops.metrics import Metrics
from gateway.ops.records import RecentCalls

if TYPE_CHECKING:
    from gateway.bridge.health import RegistrationEnded
    from gateway.bridge.record import CallRecord
    from gateway.bridge.terms import TransferResult
    from gateway.bridge.tls import TlsFailure
    from gateway.core.plan import TransferMode
    from gateway.core.receipt import ReceiptEntry
    from gateway.core.terms import Direction, On

log = logging.getLogger(__name__)


class CallObserver:
    """The engine's `Observer` (see `bridge.ports`)."""

    def __init__(self, metrics: Metrics, recent: RecentCalls) -> None:
        self._metrics = metrics
        self._recent = recent
        self._rejections = Throttle(time.monotonic)
        self._tls_failures = Throttle(time.monotonic)
        self._unbelieved = Throttle(time.monotonic)

    def call_started(self, direction: Direction) -> None:
        """An INVITE became a call."""
        self._metrics.calls.started(direction)

    def call_ended(self, record: CallRecord) -> None:
        """A call is over: one record, one count, one line."""
        self._recent.add(record)
        self._metrics.call_ended(record)
        log_call_ended(record)

    def context_mapped(self, direction: Direction, on: On, receipt: Sequence[ReceiptEntry], size: int) -> None:
        """The context of one message was mapped; each entry of the receipt names its message itself."""
        self._metrics.context.mapped(direction, receipt, size)

    def invite_rejected(self, reason: str, source_address: str, count: int = 1) -> None:
        """A request became no call. All are counted; of many with one reason, the log names the first of each while."""
        self._metrics.invite_rejected(reason, count)
        left_out = self._rejections.admit(reason)
        if left_out is not None:
            fields = {"reason": reason, "source_address": source_address, "not_logged": left_out}
            told = advice.REJECTION.get(reason, advice.OTHER_REJECTION)
            log.warning("request rejected", extra={**fields, "advice": told})

    def response(self, trunk: str, direction: str, code: int) -> None:
        """A SIP response was sent or received."""
        self._metrics.trunks.response(trunk, direction, code)

    def transfer(self, mode: TransferMode, result: TransferResult) -> None:
        """A transfer was refused, or came to its end."""
        self._metrics.transfer(mode, result)

    def trunk_changed(self, trunk: str, uri: str, is_up: bool) -> None:
        """A URI of a trunk began or ceased to answer."""
        if is_up:
            log.info("trunk answers again", extra={"trunk": trunk, "uri": uri})
        else:
            log.warning("trunk does not answer", extra={"trunk": trunk, "uri": uri, "advice": advice.UNANSWERED})

    def registration_ended(self, ended: RegistrationEnded, is_news: bool) -> None:
        """A registrar took or refused us. All are counted, and the log says what is unlike before."""
        self._metrics.trunks.registration_ended(ended)
        fields = {"trunk": ended.trunk, "code": ended.code}
        if is_news and ended.is_active:
            log.info("trunk registered", extra=fields)
        elif is_news:
            told = advice.REGISTRATION.get(ended.code, advice.OTHER_REGISTRATION)
            log.warning("trunk is not registered", extra={**fields, "advice": told})

    def tls_failed(self, failure: TlsFailure) -> None:
        """A TLS connection was given up. Of many one way with one problem, the log names the first of each while."""
        self._metrics.tls_failed(failure)
        way = "inbound" if failure.inbound else "outbound"
        left_out = self._tls_failures.admit(f"{way} {failure.problem}")
        if left_out is not None:
            fields = {"direction": way, "peer": failure.peer, "reason": failure.problem, "not_logged": left_out}
            log.warning("TLS connection given up", extra={**fields, "advice": ADVICE[failure.problem]})

    def header_unbelieved(self, trunk: str, header: str) -> None:
        """A header was left out. Of many of one name, the log names the first of each while."""
        self._metrics.trunks.header_unbelieved(trunk, header)
        left_out = self._unbelieved.admit(header)
        if left_out is not None:
            told = advice.UNBELIEVED.get(header, advice.OTHER_UNBELIEVED)
            fields = {"trunk": trunk, "header": header, "not_logged": left_out, "advice": told}
            log.warning("header not believed", extra=fields)

    def caller_hidden(self, trunk: str) -> None:
        """A call left without saying who calls."""
        self._metrics.trunks.caller_hidden(trunk)

    def loop_lag(self, seconds: float) -> None:
        """One round of the SIP thread took this long."""
        self._metrics.lag.observe(seconds)
