"""PJSIP's endpoint: what the stack has to say beside calls."""

from __future__ import annotations

from collections.abc import Callable

import pjsua2 as pj

from gateway.bridge.ports import Report
from gateway.bridge.tls import TlsFailure
from gateway.sip.convert import address_of
from gateway.sip.guard import guarded
from gateway.sip.resolver import NameResolver
from gateway.sip.tls import problem_of


class Endpoint(pj.Stack):
    """The stack with its callbacks, which become reports."""

    def __init__(self, on_refused: Callable[[int, str, int], None], tell: Callable[[Report], None]) -> None:
        super().__init__()
        self._on_refused = on_refused
        self._tell = tell
        self.names = NameResolver(self.resolved)

    def callback_failed(self) -> None:
        """Nothing belongs to the endpoint; the log has the traceback."""

    @guarded
    def onRejectedIncomingCall(self, prm: pj.OnRejectedIncomingCallParam) -> None:
        self._on_refused(prm.callId, address_of(prm.rdata.srcAddress), prm.statusCode)

    @guarded
    def onResolve(self, query: int, host: str) -> None:
        self.names.resolve(query, host)

    @guarded
    def onTlsFailure(self, inbound: bool, peer: str, code: int, problems: int) -> None:
        self._tell(TlsFailure(inbound, peer, problem_of(code, problems)))
