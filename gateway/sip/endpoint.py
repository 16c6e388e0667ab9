"""PJSIP's endpoint: which account gets an INVITE, and what the stack has to say beside calls."""

from __future__ import annotations

from collections.abc import Callable

import pjsua2 as pj

from gateway.bridge.ports import Report
from gateway.bridge.tls import TlsFailure
from gateway.core.plan import Transport
from gateway.sip.convert import address_of, via_transport
from gateway.sip.guard import guarded
from gateway.sip.resolver import NameResolver
from gateway.sip.tls import problem_of


class SourceEndpoint(pj.Stack):
    """Gives each INVITE to the account of the trunk that allows its source, whatever it claims."""

    def __init__(
        self,
        account_for: Callable[[str, Transport], int],
        on_refused: Callable[[int, str, int], None],
        tell: Callable[[Report], None],
    ) -> None:
        super().__init__()
        self._account_for = account_for
        self._on_refused = on_refused
        self._tell = tell
        self.names = NameResolver(self.resolved)

    def callback_failed(self) -> None:
        """Nothing belongs to the endpoint; the log has the traceback."""

    @guarded
    def onSelectAccount(self, prm: pj.OnSelectAccountParam) -> None:
        prm.accountIndex = self._account_for(address_of(prm.rdata.srcAddress), via_transport(prm.rdata.wholeMsg))

    @guarded
    def onRejectedIncomingCall(self, prm: pj.OnRejectedIncomingCallParam) -> None:
        self._on_refused(prm.callId, address_of(prm.rdata.srcAddress), prm.statusCode)

    @guarded
    def onResolve(self, query: int, host: str) -> None:
        self.names.resolve(query, host)

    @guarded
    def onTlsFailure(self, inbound: bool, peer: str, code: int, problems: int) -> None:
        self._tell(TlsFailure(inbound, peer, problem_of(code, problems)))
