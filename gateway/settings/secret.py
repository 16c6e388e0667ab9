"""Secrets: given in the file, by an environment variable or by another file; they cannot be printed."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, SecretStr

from gateway.settings.document import Unquoted
from gateway.settings.scalars import Refused

LONGEST_SECRET: Final = 1024

_VISIBLE: Final = re.compile(r"[!-~]+")
_REFERENCE: Final = re.compile(r"\$\{(?:file:(?P<file>/[^{}]*)|(?P<variable>[A-Za-z_][A-Za-z0-9_]*))\}", re.ASCII)


def parse_secret(value: object) -> SecretStr:
    """`${VARIABLE}`, `${file:/path}` (a line end at its end is taken off) or the secret itself, in quotes."""
    if isinstance(value, Unquoted):
        raise Refused(f"is read as {value.reads_as} by YAML; put it in quotes")
    if not isinstance(value, str):
        raise Refused('must be text: "${VARIABLE}", "${file:/path}" or the secret itself')
    reference = _REFERENCE.fullmatch(value)
    if reference is None:
        if "${" in value:
            raise Refused("must be ${VARIABLE} or ${file:/path} and nothing else, or have no `${` in it")
        return SecretStr(value)
    if reference["file"]:
        return SecretStr(_from_file(reference["file"]))
    return SecretStr(_from_environment(reference["variable"]))


def parse_admin_token(value: object) -> SecretStr:
    """A secret that can be a Bearer token (RFC 6750, section 2.1, and any other visible ASCII)."""
    token = parse_secret(value)
    if not _VISIBLE.fullmatch(token.get_secret_value()):
        raise Refused("must have visible ASCII characters only and no blanks: it goes into an HTTP header")
    return token


def _from_environment(variable: str) -> str:
    secret = os.environ.get(variable)
    if secret is None:
        raise Refused(f"the environment variable {variable} is not set")
    return _usable(secret, f"the environment variable {variable}")


def _from_file(path: str) -> str:
    try:
        with Path(path).open("rb") as stream:
            data = stream.read(4 * LONGEST_SECRET + 3)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "no such path"
        raise Refused(f"the file {path} cannot be read: {reason}") from None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Refused(f"the file {path} is not UTF-8 text") from None
    return _usable(text.removesuffix("\n").removesuffix("\r"), f"the file {path}")


def _usable(secret: str, source: str) -> str:
    if not secret:
        raise Refused(f"{source} is empty")
    if len(secret) > LONGEST_SECRET:
        raise Refused(f"{source} holds more than the {LONGEST_SECRET} characters of the longest secret")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in secret):
        raise Refused(f"{source} holds a line break or control character; a secret is one line of text")
    return secret


Secret = Annotated[SecretStr, BeforeValidator(parse_secret)]
AdminToken = Annotated[SecretStr, BeforeValidator(parse_admin_token)]
