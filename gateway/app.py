"""The running gateway: joins settings, engine, SIP stack and admin HTTP, and minds the process's signals.

SIGTERM drains, SIGINT stops, SIGHUP loads the configuration again; what they do before that is in `signals`. The main
thread owns the SIP stack; admin HTTP has its own, and a reload reads the file on a third, so that no call waits for a
disk.
"""

from __future__ import annotations

import gc
import importlib.metadata
import logging
import resource
import signal
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from gateway.bridge.admission import REJECT_REASONS
from gateway.bridge.ports import Ports, Status
from gateway.bridge.record import CallRecord
from gateway.core.plan import Plan
from gateway.engine import Engine
from gateway.errors import ConfigError, Problem, StartError, StoppedError
from gateway.ops.admin import AdminApi, build_app
from gateway.ops.logs import logging_to
from gateway.ops.metrics import Build, Metrics
from gateway.ops.observer import CallObserver
from gateway.ops.records import RecentCalls
from gateway.ops.server import AdminServer
from gateway.ops.write_backs import WriteBackObserver
from gateway.pbx.write_backs import WriteBacks
from gateway.settings import Settings, certificate_end, certificate_problems, load
from gateway.signals import ignore_all, welcome_reloads

log = logging.getLogger(__name__)

DESCRIPTORS_PER_CALL = 4
"""RTP and RTCP of two legs."""
YOUNG_OBJECTS = 10_000
"""How many more objects there are before the collector looks for what only refers to itself; a call takes hundreds."""
SPARE_DESCRIPTORS = 512
"""Listeners, a few SIP connections, admin HTTP, the log."""
RELOAD_SECONDS = 2.0
"""How long the end of the process waits for reloads that were asked for before it."""
MOST_CONNECTIONS = 2048
"""As many SIP connections as the stack takes (PJSIP_MAX_TRANSPORTS)."""


def run(path: str, level: str = "INFO") -> int:
    """Run the gateway of a configuration file until a signal ends it; returns the exit code.

    Raises:
        ConfigError: the file has problems; nothing listens.
        StartError: this machine cannot run it.
    """
    settings = load(path)
    with logging_to(level=level):
        _serve(path, settings)
    return 0


def _serve(path: str, settings: Settings) -> None:
    from gateway.sip.shell import SipShell  # here: the rest of the command line works without the stack

    plan = settings.plan()
    allow_descriptors(plan)
    shell = SipShell(plan)
    try:
        metrics = Metrics(Build(_version(), shell.stack_version), plan, (*REJECT_REASONS, *shell.reject_reasons))
        _mind_certificates(plan, metrics)
        recent, told = RecentCalls(), WriteBackObserver(metrics)
        write_backs = WriteBacks(told.written)
        write_backs.adopt(plan.trunks)
        engine = Engine(plan, Ports(shell, CallObserver(metrics, recent), write_backs))
        operator = Operator(path, settings, engine, metrics, write_backs)
        server = AdminServer(build_app(AdminApi(operator, metrics, recent, told), plan.admin.token), *_address(plan))
        server.start()
        try:
            _run_until_signalled(engine, operator, server)
        finally:
            server.stop()
            write_backs.close()
    finally:
        shell.close()
    log.info("stopped")


def _run_until_signalled(engine: Engine, operator: Operator, server: AdminServer) -> None:
    signal.signal(signal.SIGTERM, lambda *_: engine.drain())
    signal.signal(signal.SIGINT, lambda *_: engine.stop())
    reloads = Reloads(operator.reload)
    signal.signal(signal.SIGHUP, lambda *_: reloads.begin())
    gc.collect()
    gc.freeze()  # what lives as long as the process is not looked at again while calls wait
    gc.set_threshold(YOUNG_OBJECTS)  # nearly all goes without it: few things of a call refer to each other in a circle
    status = {"admin_port": server.port, "config": operator.plan.hash}
    log.info("started", extra=status)
    welcome_reloads()
    try:
        engine.run()
    finally:
        ignore_all()
        reloads.finish()


class Reloads:
    """What SIGHUP begins: a reload each, on a thread of its own, for which the end of the process waits a while."""

    def __init__(self, reload: Callable[[], object]) -> None:
        self._reload = reload
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Start one; does not wait."""
        thread = threading.Thread(target=self._reload, name="reload", daemon=True)
        self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        thread.start()

    def finish(self) -> None:
        """Wait for those that are on their way; one that waits for a disk is left behind."""
        deadline = time.monotonic() + RELOAD_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))


class Operator:
    """What admin HTTP and signals may ask (`bridge.ports.Control`); safe on any thread."""

    def __init__(
        self, path: str, settings: Settings, engine: Engine, metrics: Metrics, write_backs: WriteBacks
    ) -> None:
        self._path = path
        self._settings = settings
        self._engine = engine
        self._metrics = metrics
        self._write_backs = write_backs
        self._reloading = threading.Lock()
        self.plan = settings.plan()
        self.status: Callable[[], Status] = engine.status
        self.calls: Callable[[], tuple[CallRecord, ...]] = engine.calls
        self.call: Callable[[str], CallRecord | None] = engine.call
        self.end_call: Callable[[str], bool] = engine.end_call
        self.drain: Callable[[], None] = engine.drain

    def config(self) -> Mapping[str, object]:
        """The running configuration, secrets hidden."""
        return self._settings.public()

    def reload(self) -> list[str]:
        """Load the file again and use it for new calls; the problems that kept the old one, or nothing."""
        with self._reloading:
            try:
                problems = [str(problem) for problem in self._take_over(load(self._path))]
            except ConfigError as error:
                problems = [str(problem) for problem in error.problems]
            except StoppedError as error:
                log.info("reload given up", extra={"problems": [str(error)]})
                return [str(error)]
            except TimeoutError:
                problems = ["the SIP thread is too busy to take the new configuration over; try again"]
        self._metrics.config_reloaded(not problems)
        if problems:
            log.error("reload refused", extra={"problems": problems})
        else:
            log.info("reloaded", extra={"config": self.plan.hash})
        return problems

    def _take_over(self, settings: Settings) -> list[Problem]:
        plan = settings.plan()
        problems = needs_restart(self._path, self.plan, plan)
        if not problems:
            self._metrics.adopt(plan)  # before the calls that count by it
            self._write_backs.adopt(plan.trunks)
            try:
                self._engine.change_plan(plan)
            except StartError as error:
                self._write_backs.adopt(self.plan.trunks)
                return [Problem(self._path, "", str(error))]
            self._settings, self.plan = settings, plan
            _mind_certificates(plan, self._metrics)
        return problems


def needs_restart(file: str, running: Plan, wanted: Plan) -> list[Problem]:
    """What differs between two plans that a running process cannot change; the wanted one is of `file`."""
    fixed = {
        "sip.listen": (running.listeners, wanted.listeners),
        "sip.public_address": (running.public_address, wanted.public_address),
        "sip.dscp": (running.sip_dscp, wanted.sip_dscp),
        "media": (running.media, wanted.media),
        "admin": (running.admin, wanted.admin),
        "limits.calls": (running.limits.calls, wanted.limits.calls),
    }
    text = "a change of this needs a restart"
    return [Problem(file, key, text) for key, (old, new) in fixed.items() if old != new]


def _mind_certificates(plan: Plan, metrics: Metrics) -> None:
    """Say which have ended, and when ours will: they do so while nobody looks."""
    metrics.certificate_adopted(certificate_end(plan.tls) if plan.tls else None)
    for problem in certificate_problems(plan.tls, datetime.now(UTC)) if plan.tls else ():
        told = {"setting": problem.place, "problem": problem.text, "advice": problem.advice}
        log.warning("a certificate is not valid today", extra=told)


def _address(plan: Plan) -> tuple[str, int]:
    return plan.admin.host, plan.admin.port


def _version() -> str:
    return importlib.metadata.version("pbx-twilio-gateway")


def allow_descriptors(plan: Plan) -> None:
    """Raise the soft limit of open files to what `limits.calls` needs and, if that may be, all SIP connections as well.

    Raises:
        StartError: the hard limit is lower than what the calls need.
    """
    needed = DESCRIPTORS_PER_CALL * plan.limits.calls + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise StartError(f"limits.calls {plan.limits.calls} needs {needed} open files, the system allows {hard}")
    wanted = needed + MOST_CONNECTIONS
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
