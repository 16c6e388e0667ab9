"""The command line: reads arguments, calls the one that does the work, turns the end into an exit code."""

from __future__ import annotations

import argparse
import errno
import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Final

from gateway import admin_client
from gateway.core.handbook import build_handbook
from gateway.core.schema import build_schema
from gateway.core.scopes import senders
from gateway.core.terms import Direction, On, Side
from gateway.errors import AccountError, AdminError, ConfigError, MessageError, StartError
from gateway.settings import build_report, load

DONE: Final = 0
FAILED: Final = 1
WRONG_USAGE: Final = 2
"""Given by argparse."""
NOT_STARTED: Final = 3

UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What a full disk and the like say to a write."""

CONTRACT_FORMATS: Final = ("json-schema", "markdown")
LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; `arguments` without the program's name, those of the process by default.

    Raises:
        SystemExit: with code 2 after a usage error, with 0 after --help.
    """
    try:
        try:
            return _carry_out(_parser().parse_args(arguments))
        finally:
            if sys.stdout:
                sys.stdout.flush()  # here it can still be said what comes of it
    except BrokenPipeError:
        return _unread()
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        return _unwritten(error)


def _unread() -> int:
    """Who reads what we print has seen enough, as with `| head`: end as other tools do, by the signal for that."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.raise_signal(signal.SIGPIPE)
    return FAILED


def _unwritten(error: OSError) -> int:
    """What we print goes to where nothing more can be written; the interpreter would try again at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    print(f"gateway: the output cannot be written: {error.strerror}", file=sys.stderr)
    return FAILED


def _carry_out(options: argparse.Namespace) -> int:
    match options.command:
        case "run":
            return _run(options.config, options.log_level)
        case "check":
            return _check(options.config)
        case "explain":
            return _explain(options)
        case "contract":
            return _contract(options.config, options.format)
        case "demo":
            return _demo(options.asterisk, options.page)
        case "twilio" if options.task == "webhook":
            return _webhook(options.config, options.log_level)
        case "twilio":
            return _call(options)
        case "lab":
            return _lab_twilio(options.config)
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
    _add_context_commands(commands)
    purpose = "call both ways between a PBX and a Twilio stand-in on loopback and show what was mapped"
    command = commands.add_parser("demo", help=purpose, description=purpose, allow_abbrev=False)
    command.add_argument(
        "--asterisk", metavar="FOLDER", help="a real PBX: an Asterisk unpacked there (make demo PBX=asterisk does it)"
    )
    command.add_argument("--page", metavar="FILE", help="write what was seen as a web page, one file of HTML")
    _add_twilio(commands)
    _add_lab(commands)
    for name, purpose in (
        ("calls", "list the calls of a running gateway"),
        ("status", "show the state of a running gateway"),
        ("drain", "let a running gateway take no new calls and stop after the last"),
        ("reload", "let a running gateway load its configuration again"),
    ):
        epilog = f"A token, where the gateway asks for one, is taken from the variable {admin_client.TOKEN_VARIABLE}."
        command = commands.add_parser(name, help=purpose, description=purpose, epilog=epilog, allow_abbrev=False)
        address, default = "its admin address (default: %(default)s)", admin_client.DEFAULT_URL
        command.add_argument("--admin", metavar="URL", type=_admin_url, default=default, help=address)
    return parser


def _admin_url(text: str) -> str:
    if not admin_client.is_url(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a URL such as {admin_client.DEFAULT_URL}")
    return text


def _add_context_commands(commands: Any) -> None:
    purpose = "show what a captured message carries of the context, what leaves, what does not and why"
    command = commands.add_parser("explain", help=purpose, description=purpose, allow_abbrev=False)
    command.add_argument("config", metavar="CONFIG", help="the configuration file (YAML)")
    command.add_argument("file", metavar="FILE", help="a SIP message as text, or a packet capture (pcap, pcapng)")
    command.add_argument(
        "--direction", choices=[one.value for one in Direction], required=True, help="of the message's call"
    )
    command.add_argument(
        "--on", choices=[one.value for one in On], default=On.INVITE.value, help="which message it is (default: invite)"
    )
    command.add_argument(
        "--from",
        dest="sender",
        choices=[one.value for one in Side],
        help="who sent it, where both sides can (default: the side called)",
    )
    command.add_argument("--json", action="store_true", help="one JSON object")
    purpose = "export the context contract for the people on the other side"
    command = commands.add_parser("contract", help=purpose, description=purpose, allow_abbrev=False)
    command.add_argument("config", metavar="CONFIG", help="the configuration file (YAML)")
    command.add_argument("--format", choices=CONTRACT_FORMATS, default=CONTRACT_FORMATS[0], help="default: %(default)s")


def _add_twilio(commands: Any) -> None:
    purpose = "what a Twilio application needs: answers to its webhook, and calls with context"
    tasks = commands.add_parser("twilio", help=purpose, description=purpose, allow_abbrev=False)
    tasks = tasks.add_subparsers(dest="task", required=True, metavar="TASK")
    purpose = "answer Twilio's voice webhook: verify it, read the context, forward the call as twilio.webhook says"
    command = tasks.add_parser("webhook", help=purpose, description=purpose, allow_abbrev=False)
    command.add_argument("config", metavar="CONFIG", help="the configuration file (YAML)")
    command.add_argument("--log-level", choices=LOG_LEVELS, default="INFO", help="default: %(default)s")
    purpose = "place a call through Twilio's REST API with the context in the form that arrives; prints its SID"
    command = tasks.add_parser("call", help=purpose, description=purpose, allow_abbrev=False)
    command.add_argument("config", metavar="CONFIG", help="the configuration file (YAML)")
    command.add_argument("--to", required=True, help="sip:USER@HOST, client:NAME or a number such as +15550100")
    command.add_argument("--from", dest="caller", metavar="FROM", help="who calls (default: twilio.call.from)")
    command.add_argument("--field", action="append", default=[], metavar="NAME=VALUE", help="context; may be repeated")
    answer = command.add_mutually_exclusive_group()
    answer.add_argument("--url", help="what Twilio asks when the call is answered (default: twilio.call.url)")
    answer.add_argument("--twiml", help="what Twilio does when the call is answered")


def _add_lab(commands: Any) -> None:
    purpose = "play the other side on loopback, to develop against"
    lab = commands.add_parser("lab", help=purpose, description=purpose, allow_abbrev=False)
    peers = lab.add_subparsers(dest="peer", required=True, metavar="PEER")
    purpose = "a stand-in for Twilio's Programmable Voice: SIP, signed webhooks, TwiML, REST"
    twilio = peers.add_parser("twilio", help=purpose, description=purpose, allow_abbrev=False)
    twilio.add_argument("--config", metavar="CONFIG", required=True, help="its configuration file (YAML)")


def _explain(options: argparse.Namespace) -> int:
    from gateway.explaining import build_explanation, explain_file

    direction, on = Direction(options.direction), On(options.on)
    sender = Side(options.sender) if options.sender else None
    possible = senders(direction, on)
    if sender is not None and sender not in possible:
        print(f"gateway explain: --from must be {' or '.join(possible)} for {on} {direction}", file=sys.stderr)
        return WRONG_USAGE
    try:
        found, doubt = explain_file(load(options.config).plan(), options.file, direction, on, sender)
    except ConfigError as error:
        return _complain(error, FAILED)
    except (OSError, MessageError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        print(f"{options.file}: {reason}", file=sys.stderr)
        return FAILED
    if doubt:
        print(f"{options.file}: warning: {doubt}; it is read as one all the same", file=sys.stderr)
    print(json.dumps(found.as_dict(), ensure_ascii=False, indent=2) if options.json else build_explanation(found))
    return DONE


def _contract(config: str, format_: str) -> int:
    try:
        plan = load(config).plan()
    except ConfigError as error:
        return _complain(error, FAILED)
    profiles = [trunk.profile for trunk in plan.trunks if trunk.side is Side.TWILIO]
    profile = next((one for one in profiles if one.sends), profiles[0])
    if format_ == "markdown":
        print(build_handbook(plan.contract, profile), end="")
    else:
        print(json.dumps(build_schema(plan.contract, profile), ensure_ascii=False, indent=2))
    return DONE


def _webhook(config: str, log_level: str) -> int:
    from gateway.twilio_side import run_webhook

    try:
        run_webhook(load(config).plan(), log_level)
    except (ConfigError, StartError) as error:
        return _complain(error, NOT_STARTED)
    return DONE


def _call(options: argparse.Namespace) -> int:
    from gateway.twilio_side import build_order, call

    try:
        plan = load(options.config).plan()
        answer = {"url": options.url, "twiml": options.twiml}
        print(call(plan, build_order(plan.account, options.to, options.caller, options.field, answer)))
    except (ConfigError, AccountError) as error:
        return _complain(error, FAILED)
    return DONE


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


def _demo(asterisk: str | None, page: str | None) -> int:
    try:
        from gateway.lab.demo import main as demo
    except ModuleNotFoundError as error:
        return _complain(StartError(f"{error}; install the gateway with its extra [lab]"), NOT_STARTED)
    try:
        return demo(asterisk=asterisk, page=page)
    except StartError as error:
        return _complain(error, NOT_STARTED)


def _lab_twilio(config: str) -> int:
    try:
        from gateway.lab.twilio.server import main as twilio
    except ModuleNotFoundError as error:
        return _complain(StartError(f"{error}; install the gateway with its extra [lab]"), NOT_STARTED)
    try:
        return twilio(config)
    except (ConfigError, StartError) as error:
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
