"""Which context of a later message is set on the PBX's channel, beside the header that it travels in."""

from __future__ import annotations

from gateway.bridge.call import Call
from gateway.bridge.commands import Command, Role, WriteBack
from gateway.core.mapping import Mapped
from gateway.core.terms import On
from gateway.core.variables import WRITTEN_BACK, variables_of


def write_back(call: Call, on: On, mapped: Mapped, sender: Role) -> list[Command]:
    """What to set on the channel of the other leg: nothing unless its trunk says how."""
    trunk = call.trunks[sender.other]
    if trunk.write_back is None or on not in WRITTEN_BACK:
        return []
    variables = variables_of(call.plan.contract.fields, mapped.values)
    return [WriteBack(sender.other, trunk.name, on, variables)] if variables else []
