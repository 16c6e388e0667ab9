"""Channels over ARI, Asterisk's REST interface: found by `protocol_id`, which is the SIP Call-ID (16.28 has it).

ARI sets variables only on channels that an ARI application holds; for any other it answers 409.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

import httpx

from gateway.core.plan import WriteBack
from gateway.core.variables import Variable, WriteResult, Written
from gateway.errors import PbxError


class AriChannels:
    """The channels of one Asterisk. `url` ends in /ari, or where else its prefix is."""

    def __init__(self, access: WriteBack, transport: httpx.BaseTransport | None = None) -> None:
        """`transport` takes the place of the network in tests."""
        self._client = httpx.Client(
            base_url=access.url,
            auth=(access.username, access.password),
            timeout=access.timeout_seconds,
            trust_env=False,  # a proxy for the internet has no business between us and the PBX
            transport=transport,
        )

    def set(self, call_id: str, variables: Sequence[Variable]) -> list[Written]:
        """See `Channels`."""
        answer = self._ask("GET", "/channels")
        if answer.is_client_error:
            return [Written(WriteResult.REFUSED, f"ARI answers {answer.status_code}")] * len(variables)
        channel = find_channel(answer, call_id)
        if channel is None:
            return [Written(WriteResult.GONE)] * len(variables)
        return [self._set(channel, variable) for variable in variables]

    def close(self) -> None:
        """See `Channels`."""
        self._client.close()

    def _set(self, channel: str, variable: Variable) -> Written:
        body = {"variable": variable.name, "value": variable.value}
        answer = self._ask("POST", f"/channels/{channel}/variable", body)
        if answer.is_success:
            return Written(WriteResult.WRITTEN)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return Written(WriteResult.GONE)
        outside = answer.status_code == HTTPStatus.CONFLICT
        reason = "no ARI application holds the channel" if outside else f"ARI answers {answer.status_code}"
        return Written(WriteResult.REFUSED, reason)

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> httpx.Response:
        try:
            answer = self._client.request(method, path, json=body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise PbxError(f"ARI does not answer: {type(error).__name__}") from None
        if not (answer.is_success or answer.is_client_error):
            raise PbxError(f"ARI answers {answer.status_code}")
        return answer


def find_channel(answer: httpx.Response, call_id: str) -> str | None:
    """The id of the channel that has this Call-ID, in the answer to GET /channels.

    Raises:
        PbxError: it is no list of channels.
    """
    try:
        channels = answer.json()
        found = [str(channel["id"]) for channel in channels if channel.get("protocol_id") == call_id]
    except (ValueError, TypeError, KeyError, AttributeError):
        raise PbxError("ARI gives no list of channels") from None
    return found[0] if found else None
