"""What a real Asterisk says of its channels, asked over its REST interface."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Any

import httpx

from gateway.lab.driver import LabError

WAIT_SECONDS = 20.0
ASK_AGAIN_SECONDS = 0.05

Channel = dict[str, Any]


class Ari:
    """One Asterisk; `client` has its address and credentials."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def channels(self, endpoint: str = "") -> list[Channel]:
        """The channels that are up, or those of one endpoint."""
        found: list[Channel] = self._ask("/channels")
        # Asterisk walks a list that changes meanwhile, and may name a channel twice.
        named = {channel["id"]: channel for channel in found if channel["name"].startswith(f"PJSIP/{endpoint}")}
        return list(named.values())

    def channel(self, endpoint: str) -> Channel:
        """The only channel of an endpoint, as soon as it is there.

        Raises:
            LabError: there is none in time, or more than one.
        """
        deadline = time.monotonic() + WAIT_SECONDS
        while not (found := self.channels(endpoint)) and time.monotonic() < deadline:
            time.sleep(ASK_AGAIN_SECONDS)
        if len(found) != 1:
            raise LabError(f"Asterisk has {len(found)} channels of {endpoint}, not one")
        return found[0]

    def variable(self, channel: Channel, name: str) -> str | None:
        """A variable or function of a channel; None when it is not set."""
        answer = self._ask(f"/channels/{channel['id']}/variable", variable=name)
        return None if answer is None else str(answer["value"])

    def is_reachable(self, endpoint: str) -> bool:
        """Whether Asterisk would send calls to an endpoint."""
        return bool(self._ask(f"/endpoints/PJSIP/{endpoint}")["state"] == "online")

    def _ask(self, path: str, **params: str) -> Any:
        """The answer; None when there is no such thing.

        Raises:
            LabError: Asterisk gives none.
        """
        try:
            answer = self._client.get(path, params=params)
            if answer.status_code == HTTPStatus.NOT_FOUND:
                return None
            return answer.raise_for_status().json()
        except httpx.HTTPError as error:
            raise LabError(f"Asterisk does not answer {path}: {error}") from None
