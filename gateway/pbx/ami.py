"""Channels over AMI, Asterisk's manager interface: each is asked once for its SIP Call-ID.

AMI has no field for the Call-ID. `CHANNEL(pjsip,call-id)` tells it, which waits for the thread of that channel. Asked
for while Asterisk holds the channel's lock, as it does for `channelvars` in manager.conf and for the variables of the
action Status, that stops Asterisk for good; Getvar holds no lock. So: list the channels, ask those that are new one by
one, remember.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from gateway.core.plan import WriteBack
from gateway.core.sanitise import find_control
from gateway.core.variables import Variable, WriteResult, Written
from gateway.pbx.ami_session import AmiSession

CALL_ID = "CHANNEL(pjsip,call-id)"
TECHNOLOGY = "PJSIP/"
MOST_OCTETS = 1000
"""Of a value: Asterisk discards a line of more than 1,024 octets, with the name of its header and its end."""


class AmiChannels:
    """The channels of one Asterisk. It stays logged in, and logs in again where that was ended."""

    def __init__(self, access: WriteBack) -> None:
        self._access = access
        self._session: AmiSession | None = None
        self._call_ids: dict[str, str] = {}
        """Call-ID by unique id of the channel; neither ever changes."""

    def set(self, call_id: str, variables: Sequence[Variable]) -> list[Written]:
        """See `Channels`."""
        session = self._logged_in()
        try:
            channel = self._find(session, call_id)
            if channel is None:
                return [Written(WriteResult.GONE)] * len(variables)
            return [set_variable(session, channel, variable) for variable in variables]
        except BaseException:
            self.close()  # an answer that came too late must not be taken for the next one's
            raise

    def close(self) -> None:
        """See `Channels`."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _logged_in(self) -> AmiSession:
        if self._session is not None and not self._session.is_open():
            self.close()
        if self._session is None:
            place = urlsplit(self._access.url)
            session = AmiSession(place.hostname or "", place.port or 0, self._access.timeout_seconds)
            session.log_in(self._access.username, self._access.password)
            self._session = session
            self._call_ids.clear()  # it may be another run of Asterisk
        return self._session

    def _find(self, session: AmiSession, call_id: str) -> str | None:
        """The name of the channel that has this Call-ID; new ones first, that is where it will be."""
        names = {channel["Uniqueid"]: channel["Channel"] for channel in session.list_channels()}
        self._call_ids = {unique: known for unique, known in self._call_ids.items() if unique in names}
        for unique, name in reversed(names.items()):
            if name.startswith(TECHNOLOGY) and self._call_id(session, unique, name) == call_id:
                return name
        return None

    def _call_id(self, session: AmiSession, unique: str, name: str) -> str:
        if unique not in self._call_ids:
            answer = session.ask("Getvar", Channel=name, Variable=CALL_ID)
            self._call_ids[unique] = answer.get("Value", "")
        return self._call_ids[unique]


def set_variable(session: AmiSession, channel: str, variable: Variable) -> Written:
    """Set one variable, if AMI can carry its value."""
    size = len(variable.value.encode())
    if size > MOST_OCTETS:
        return Written(WriteResult.REFUSED, f"{size} bytes, AMI takes {MOST_OCTETS}")
    if find_control(variable.value) is not None:
        return Written(WriteResult.REFUSED, "a control character")
    answer = session.ask("Setvar", Channel=channel, Variable=variable.name, Value=variable.value)
    if answer.get("Response") == "Success":
        return Written(WriteResult.WRITTEN)
    if answer.get("Message") == "No such channel":
        return Written(WriteResult.GONE)
    return Written(WriteResult.REFUSED, "AMI does not set it: the user needs the right `call`")
