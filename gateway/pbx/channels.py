"""What an interface of a PBX can do with its channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.core.variables import Variable, Written


class Channels(Protocol):
    """The channels of one PBX. Used by one thread, which may wait."""

    def set(self, call_id: str, variables: Sequence[Variable]) -> list[Written]:
        """Set variables on the channel whose leg has this SIP Call-ID; what became of each, in their order.

        Raises:
            PbxError: the interface does not answer, or not as it should; some of them may have been set.
        """

    def close(self) -> None:
        """Give connections back."""
