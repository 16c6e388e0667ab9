"""Configurations without problems, for tests to load or to spoil."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gateway.settings import Settings

TLS = Path(__file__).parent / "tls"

SOUND = """\
sip:
  listen: ["udp://127.0.0.1:5060"]
trunks:
  pbx: {side: pbx, uris: ["sip:127.0.0.2"], allow: ["127.0.0.2"]}
  twilio: {side: twilio, uris: ["sip:acme.sip.twilio.com"], allow: ["twilio"]}
"""
"""The least there is, without a secret."""

Loader = Callable[[str], Settings]

FULL = f"""\
sip:
  listen: ["udp://127.0.0.1:5060", "tls://127.0.0.1:5061"]
  public_address: 203.0.113.7
  dscp: 24
  tls: {{certificate: {TLS}/certificate.pem, private_key: {TLS}/key.pem, ca_list: {TLS}/certificate.pem}}
media: {{mode: relay, rtp_ports: 30000-30399, codecs: [PCMA], timeout_seconds: 60}}
admin: {{listen: "127.0.0.1:9000", token: "${{GATEWAY_TEST_SECRET}}"}}
limits:
  calls: 100
  calls_per_second: 10
  ring_seconds: 20.5
  call_seconds: 3600
  response_seconds: 2
  drain_seconds: 0
  stranger_answers_per_second: 7
trunks:
  pbx:
    side: pbx
    uris: ["sip:10.0.0.5:5060", "sip:pbx.example.com"]
    allow: ["10.0.0.5", "10.1.0.0/16"]
    variables: freeswitch
    auth: {{username: gw, password: "${{GATEWAY_TEST_SECRET}}"}}
    register: {{registrar: "sip:pbx.example.com", expires_seconds: 900}}
    hold: relay
    redirect: follow
    identity: {{trusted: false}}
    session_expires_seconds: 600
    symmetric_rtp: true
    rtp_dscp: 46
  twilio:
    side: twilio
    profile: elastic-trunk
    uris: ["sip:acme.pstn.twilio.com;transport=tls"]
    allow: ["twilio"]
    srtp: required
    auth: {{username: gw, password: "${{GATEWAY_TEST_SECRET}}"}}
    options_interval_seconds: 30
    identity: {{believe: false, trusted: true, send: [remote-party, asserted], caller: asserted}}
    account_sids: ["AC00000000000000000000000000000000"]
    calls_per_second: 9
    source_calls_per_second: 8
twilio:
  account_sid: AC0123456789abcdef0123456789abcdef
  auth_token: "${{GATEWAY_TEST_SECRET}}"
  api_url: http://127.0.0.9:8080
  webhook:
    listen: "127.0.0.1:8081"
    url: https://app.example.com/voice
    forward: {{client: alice}}
  call: {{from: "+15550100", url: "https://app.example.com/answered?a=b"}}
routes:
  - {{from: pbx, match: "^9(.*)$", to: twilio, user: "\\\\1"}}
  - {{from: twilio, to: pbx}}
context:
  missing: reject
  uui:
    pbx:
      format: text
      encoding: ascii
      discriminator: "04"
      discriminator_in: pd
      purpose: isdn-uui
      content: isdn-uui
  fields:
    customer: {{pbx: "var:CUSTOMER", twilio: "header:X-Customer", required: true, max_bytes: 64, class: pii}}
    count: {{pbx: uui, twilio: "header:X-Count", type: integer, default: 007, direction: to_twilio, on: [invite]}}
    sid: {{twilio: "header:X-Twilio-CallSid", direction: to_pbx, duplicates: first}}
"""
"""Every section, with values that are not the defaults; the secrets are in GATEWAY_TEST_SECRET."""
