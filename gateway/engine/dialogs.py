"""Which call and leg a Replaces means (RFC 3891), in a REFER or an INVITE. It decides nothing about them.

A dialog is told only to those of its own trunk: whoever else names it has it from somewhere, and gets nothing for it.
"""

from __future__ import annotations

from gateway.bridge.active_call import ActiveCall
from gateway.bridge.admission import NO_DIALOG, NOT_EARLY, Rejection
from gateway.bridge.call import State
from gateway.bridge.events import Consultation
from gateway.bridge.ports import SipPort
from gateway.bridge.terms import Role
from gateway.core.message import SipMessage
from gateway.core.referral import DialogId, parse_referral, parse_replaces
from gateway.engine.registry import CallRegistry
from gateway.errors import PeerError


class Dialogs:
    """Finds the calls of this process by their dialogs."""

    def __init__(self, sip: SipPort, registry: CallRegistry) -> None:
        self._sip = sip
        self._registry = registry

    def consultation(self, call: ActiveCall, by: Role, refer: SipMessage | None) -> Consultation | None:
        """The other call, of ours and answered, that a REFER in `call` is to be joined with; None if there is none."""
        try:
            dialog = parse_referral(refer).replaces if refer is not None else None
        except PeerError:
            return None
        found = dialog and self._find(dialog, call.machine.trunks[by].name)
        if not found or found[0] is call or found[0].machine.state is not State.TALKING:
            return None
        machine, role = found[0].machine, found[1].other
        if found[1] is Role.TARGET:
            return None
        return Consultation(machine.id, role, machine.trunks[role], machine.parties[role])

    def replaced(self, invite: SipMessage, trunk: str) -> tuple[ActiveCall, Role] | Rejection:
        """The call and the leg whose place an INVITE of this trunk wants, or why it gets none."""
        try:
            dialog = parse_replaces(invite.headers.first("Replaces") or "")
        except PeerError:
            return NO_DIALOG
        found = self._find(dialog, trunk)
        if not found or found[1] is Role.TARGET:
            return NO_DIALOG
        answered = found[0].answered is not None
        return NOT_EARLY if dialog.early_only and answered else found

    def _find(self, dialog: DialogId, trunk: str) -> tuple[ActiveCall, Role] | None:
        leg = self._sip.find(dialog)
        call = None if leg is None else self._registry.legs.get(leg)
        if leg is None or call is None:
            return None
        role = call.role_of(leg)
        return (call, role) if call.machine.trunks[role].name == trunk else None
