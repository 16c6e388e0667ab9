"""SIP by hand over TLS: a peer that connects to the gateway, and one that the gateway connects to."""

from __future__ import annotations

import socket
import ssl

from tests.process.authority import Certificate
from tests.process.places import Place
from tests.process.wire import MAX_OCTETS, TcpWirePeer, TcpWireServer


class TlsWirePeer(TcpWirePeer):
    """A peer that calls over a connection of its own; it believes any certificate and keeps the one it saw."""

    transport = "TLS"

    def __init__(
        self,
        gateway: Place,
        place: Place | str,
        version: ssl.TLSVersion | None = None,
        shown: Certificate | None = None,
    ) -> None:
        super().__init__(gateway, place)
        self._version = version
        self._shown = shown
        self.seen = b""

    def _open(self) -> ssl.SSLSocket:
        self._rest = b""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # whether an old version will do is for the gateway to say
        if self._version:
            context.minimum_version = context.maximum_version = self._version
        if self._shown:
            context.load_cert_chain(self._shown.certificate, self._shown.private_key)
        where = self.gateway.host, self.gateway.port
        plain = socket.create_connection(where, source_address=(self.place.host, self.place.port))
        secured = context.wrap_socket(plain)
        self.seen = secured.getpeercert(binary_form=True) or b""
        return secured

    def _read(self) -> bytes:
        try:
            return super()._read()
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError:
            self._is_over = True
            return b""


class TlsWireServer(TcpWireServer):
    """The same over TLS; it notes by which name it is asked for."""

    transport = "TLS"

    def __init__(
        self, gateway: Place, place: Place, certificate: Certificate, version: ssl.TLSVersion | None = None
    ) -> None:
        super().__init__(gateway, place)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if version:
            self._context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or the library refuses what the gateway should
            self._context.minimum_version = self._context.maximum_version = version
        self._context.load_cert_chain(certificate.certificate, certificate.private_key)
        self._context.sni_callback = self._note_name
        self.asked_for: str | None = None
        """The host that the gateway named in its hello (SNI)."""

    def _note_name(self, _socket: ssl.SSLObject | ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        self.asked_for = name

    def _taken(self, plain: socket.socket) -> socket.socket:
        return self._context.wrap_socket(plain, server_side=True)

    def is_given_up(self) -> bool:
        """Whether the gateway closed its connection, or never let the handshake end."""
        try:
            connection = self.connection()
            return connection is not None and connection.recv(MAX_OCTETS) == b""
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True

    def _read(self) -> bytes:
        try:
            return super()._read()
        except ssl.SSLWantReadError:
            return b""
