"""A small PJSIP user agent for the tests, driven as the gateway drives it: one thread, which polls."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import pjsua2 as pj

T = TypeVar("T")


class Stack:
    """An endpoint on loopback with a UDP transport; use it in a `with`. With `clock`, audio runs as in a gateway."""

    def __init__(self, *, max_calls: int = 16, endpoint: type[pj.Endpoint] = pj.Endpoint, clock: bool = False) -> None:
        pj.sipSetLogLevel(0)
        self.endpoint = endpoint()
        self.endpoint.libCreate()
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.uaConfig.maxCalls = max_calls
        config.logConfig.level = 0
        config.medConfig.clockRate = 8000
        self.endpoint.libInit(config)
        devices = self.endpoint.audDevManager()
        devices.setNullDev() if clock else devices.setNoDev()
        transport = self.endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, loopback_transport())
        self.endpoint.libStart()
        host, port = self.endpoint.transportGetInfo(transport).localAddress.split(":")
        self.address = (host, int(port))

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *exception: object) -> None:
        # At once: without the flag it waits a second for answers to what it sent last.
        self.endpoint.libDestroy(pj.PJSUA_DESTROY_NO_NETWORK)

    def poll(self, milliseconds: int = 5) -> None:
        self.endpoint.libHandleEvents(milliseconds)

    def poll_until(self, condition: Callable[[], T], seconds: float = 8.0) -> T:
        """Poll until the condition holds, and answer with what it gave."""
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            assert time.monotonic() < deadline, f"not within {seconds} s"
            self.poll()
        return result

    def poll_for(self, seconds: float) -> None:
        """Poll for a while, to show that something does not happen."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.poll()

    def add_account(
        self, account: pj.Account, uri: str = "sip:gateway@127.0.0.1", *, sockets: bool = False
    ) -> pj.Account:
        """Register an account; without `sockets` its media is not ours: SDP comes from the test."""
        config = pj.AccountConfig()
        config.idUri = uri
        config.mediaConfig.useLoopMedTp = not sockets
        config.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        account.create(config)
        return account


def loopback_transport() -> pj.TransportConfig:
    config = pj.TransportConfig()
    config.boundAddress = "127.0.0.1"
    config.port = 0
    return config
