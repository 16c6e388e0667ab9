"""Loads a configuration file: reads it, checks every part and how the parts fit, and reports all problems at once."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from gateway.core.plan import Plan
from gateway.errors import ConfigError
from gateway.settings.build import build_plan, public_values
from gateway.settings.check_account import check_account
from gateway.settings.check_context import check_context
from gateway.settings.check_examples import check_examples
from gateway.settings.check_identity import check_identity
from gateway.settings.check_sockets import check_sockets
from gateway.settings.check_trunks import check_trunks
from gateway.settings.check_uris import check_uris
from gateway.settings.document import Document, Value, read_document
from gateway.settings.model import Configuration
from gateway.settings.parts import parts_of
from gateway.settings.place import Finding
from gateway.settings.translate import translate


@dataclass(frozen=True, slots=True)
class Settings:
    """A configuration without problems, and the file it came from."""

    file: str
    configuration: Configuration

    def plan(self) -> Plan:
        """What the gateway runs."""
        return build_plan(self.configuration)

    def public(self) -> dict[str, object]:
        """Every setting in effect as JSON, secrets hidden."""
        return public_values(self.configuration)


def load(path: str) -> Settings:
    """Read and check a file.

    Raises:
        ConfigError: with every problem of the file, in its order.
    """
    return settle(read_document(path))


def settle(document: Document) -> Settings:
    """The settings of a document that was read.

    Raises:
        ConfigError: with every problem of the document, in its order.
    """
    configuration: Configuration | None = None
    findings: list[Finding] = []
    if document.tree is not None:
        configuration, findings = _configuration(document.tree)
        parts = parts_of(document.tree)
        findings += [*check_sockets(parts), *check_trunks(parts), *check_uris(parts)]
        findings += [*check_identity(parts), *check_context(parts), *check_account(parts)]
    problems = document.named([*document.problems, *findings])
    if problems or configuration is None:
        raise ConfigError(problems)
    settings = Settings(document.file, configuration)
    failed = document.named(list(check_examples(configuration.context.examples, settings.plan())))
    if failed:
        raise ConfigError(failed)
    return settings


def _configuration(tree: dict[str, Value]) -> tuple[Configuration | None, list[Finding]]:
    try:
        return Configuration.model_validate(tree), []
    except ValidationError as error:
        return None, translate(error)
