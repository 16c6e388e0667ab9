"""TLS of the stack: which files it uses, and what it means when a connection is given up."""

from __future__ import annotations

import pjsua2 as pj

from gateway.bridge.tls import TlsProblem
from gateway.core.plan import Plan, TlsFiles, Transport
from gateway.core.uri import parse_uri
from gateway.sip.convert import uri_transport

HANDSHAKE_MILLISECONDS = 5000
"""A handshake takes three round trips; who needs longer holds a connection and nothing else."""

_TIMED_OUT = 70009
"""PJ_ETIMEDOUT, which the binding has no name for."""


def set_tls(config: pj.TlsConfig, files: TlsFiles) -> None:
    """Fill in what a TLS listener and the connections beside it need."""
    config.certFile = files.certificate
    config.privKeyFile = files.private_key
    config.CaListFile = files.ca_list
    config.msecTimeout = HANDSHAKE_MILLISECONDS
    config.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2 | pj.PJ_SSL_SOCK_PROTO_TLS1_3


def tls_names(plan: Plan) -> list[str]:
    """The hosts that trunks are called at over TLS."""
    uris = [uri for trunk in plan.trunks for uri in trunk.uris]
    return sorted({parse_uri(uri).host for uri in uris if uri_transport(uri) is Transport.TLS})


def problem_of(code: int, certificate: int) -> TlsProblem:
    """What the stack's status and its findings on a certificate (0: none) come down to; the gravest counts."""
    if certificate & pj.PJ_SSL_CERT_EVALIDITY_PERIOD:
        return TlsProblem.EXPIRED
    if certificate & ~pj.PJ_SSL_CERT_EIDENTITY_NOT_MATCH:
        return TlsProblem.UNTRUSTED
    if certificate:
        return TlsProblem.NAME
    return TlsProblem.TIMEOUT if code == _TIMED_OUT else TlsProblem.HANDSHAKE
