"""The command line: reads arguments, calls the one that does the work, turns the end into an exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from gateway import admin_client
from gateway.errors import AdminError, ConfigError, StartError
from gateway.settings import build_report, load

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
"""Given by argparse."""
NOT_STARTED: Final = 3

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; `arguments` without the program's name, those of the process by default.

    Raises:
        SystemExit: with code 2 after a usage error, with 0 after --help.
    """
    options = _parser().parse_args(arguments)
    match options.command:
        case "run":
            return _run(options.config, options.log_level)
        case "check":
            return _check(options.config)
        case "demo":
            return _demo()
        case command:
            return _admin(command, options.admin)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gateway",
        description="A SIP gateway between a PBX and Twilio that keeps a contract about the context of each call.",
        epilog="Exit codes: 0 done, 1 the check or the request failed, 2 wrong usage, 3 could not start.",
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, purpose in (
        ("run", "run until SIGTERM (calls end by themselves) or SIGINT (now); SIGHUP reloads CONFIG"),
        ("check", "check CONFIG, say everything that is wrong with it, or what it would run"),
    ):
        command = commands.add_parser(name, help=purpose, description=purpose, allow_abbrev=False)
        command.add_argument("config", metavar="CONFIG", help="the configuration file (YAML)")
        if name == "run":
            command.add_argument("--log-level", choices=LOG_LEVELS, default="INFO", help="default: %(default)s")
    purpose = "call both ways between a PBX and a Twilio stand-in on loopback and show what was mapped"
    commands.add_parser("demo", help=purpose, description=purpose, allow_abbrev=False)
    for name, purpose in (
        ("calls", "list the calls of a running gateway"),
        ("status", "show the state of a running gateway"),
        ("drain", "let a running gateway take no new calls and stop after the last"),
        ("reload", "let a running gateway load its configuration again"),
    ):
        epilog = f"A token, where the gateway asks for one, is taken from the variable {admin_client.TOKEN_VARIABLE}."
        command = commands.add_parser(name, help=purpose, description=purpose, epilog=epilog, allow_abbrev=False)
        command.add_argument(
            "--admin", metavar="URL", default=admin_client.DEFAULT_URL, help="its admin address (default: %(default)s)"
        )
    return parser


def _run(config: str, log_level: str) -> int:
    # Imported here so that every other command works on a machine without PJSIP.
    from gateway.app import run

    try:
        return run(config, log_level)
    except (ConfigError, StartError) as error:
        return _complain(error, NOT_STARTED)


def _check(config: str) -> int:
    try:
        print(build_report(load(config)))
    except ConfigError as error:
        return _complain(error, FAILED)
    return DONE


def _demo() -> int:
    from gateway.lab.demo import main as demo

    try:
        return demo()
    except StartError as error:
        return _complain(error, NOT_STARTED)


def _admin(command: str, url: str) -> int:
    try:
        print(admin_client.ask(command, url))
    except AdminError as error:
        return _complain(error, FAILED)
    return DONE


def _complain(error: Exception, code: int) -> int:
    print(error, file=sys.stderr)
    return code
