"""The configuration file of the stand-in, as strict as the gateway's own: no unknown key, no guess."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError

from gateway.errors import ConfigError
from gateway.settings.document import read_document
from gateway.settings.endpoints import HostPortText
from gateway.settings.model import Section
from gateway.settings.place import Finding
from gateway.settings.scalars import Refused, Text, parse_text, word
from gateway.settings.translate import translate

ACCOUNT_SID = "AC" + "0" * 32
AUTH_TOKEN = "lab-auth-token"


def _parse_url(value: object) -> str:
    text = parse_text(value)
    if not text.startswith(("http://", "https://")):
        raise Refused(f"must be an http:// or https:// URL, not {text[:40]!r}")
    return text


def _parse_network(value: object) -> str:
    text = parse_text(value)
    try:
        return str(ipaddress.IPv4Network(text))
    except ValueError:
        raise Refused(
            f"must be an IPv4 address or network such as 127.0.0.1 or 10.0.0.0/8, not {text[:40]!r}"
        ) from None


Url = Annotated[str, BeforeValidator(_parse_url)]
Network = Annotated[str, BeforeValidator(_parse_network)]


class Account(Section):
    """Whose calls these are."""

    sid: Text = ACCOUNT_SID
    auth_token: Text = AUTH_TOKEN


class Domain(Section):
    """A SIP Domain: who may call, and which application is asked."""

    voice_url: Url = Field(description="the URL of the application that is asked about each call")
    allow: tuple[Network, ...] = ()
    credentials: dict[str, Text] = {}
    status_url: Url | None = None


class Application(Section):
    """A TwiML App: the application that a Voice SDK client's calls ask."""

    voice_url: Url = Field(description="the URL that calls of Voice SDK clients ask")


class TwilioLab(Section):
    """The whole file."""

    sip: HostPortText = Field(description='the UDP address for SIP, such as "127.0.0.3:5060"')
    http: HostPortText = Field(description='the address for REST and the console, such as "127.0.0.3:8080"')
    account: Account = Account()
    domains: dict[str, Domain] = Field(description="the SIP Domains, by name")
    application: Application | None = None
    numbers: dict[str, Annotated[str, word(["answers", "is busy", "does not answer"])]] = {}
    bins: dict[str, Text] = {}
    functions: dict[str, Text] = {}

    def domain(self, host: str) -> tuple[str, Domain] | None:
        """The domain of a Request-URI; one that names our own address means the first, as names need a resolver."""
        if host in self.domains:
            return host, self.domains[host]
        if host == self.sip.host:
            return next(iter(self.domains.items()), None)
        return None


def load_lab(path: str) -> TwilioLab:
    """Read and check a file; paths of `bins` and `functions` are relative to it.

    Raises:
        ConfigError: with every problem of the file.
    """
    document = read_document(path)
    settings: TwilioLab | None = None
    findings: list[Finding] = []
    if document.tree is not None:
        try:
            settings = TwilioLab.model_validate(document.tree)
            findings += _check_domains(settings) + _check_files(settings, Path(path).parent)
        except ValidationError as error:
            findings += translate(error, TwilioLab)
    problems = document.named([*document.problems, *findings])
    if problems or settings is None:
        raise ConfigError(problems)
    return settings


def _check_domains(settings: TwilioLab) -> list[Finding]:
    """By Twilio's rule a domain without a list of either kind takes no calls."""
    return [
        (("domains", name), "takes no calls: give it allow, credentials or both")
        for name, domain in settings.domains.items()
        if not domain.allow and not domain.credentials
    ]


def _check_files(settings: TwilioLab, folder: Path) -> list[Finding]:
    return [
        ((kind, name), f"is no file: {folder / path}")
        for kind, files in (("bins", settings.bins), ("functions", settings.functions))
        for name, path in files.items()
        if not (folder / path).is_file()
    ]
