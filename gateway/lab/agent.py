"""A SIP telephone on pjsua2: places and takes calls, plays a tone into them, records and reports what comes.

It does what it is told and decides nothing: no automatic answer, no retry. All of it runs on one thread. Messages are
handed on as they came; whoever asked reads them, so that a mistake of the gateway's own parser cannot hide here.
"""

from __future__ import annotations

import itertools
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pjsua2 as pj

from gateway.lab.tone import RATE, amplitude
from gateway.sip.convert import address_of
from gateway.sip.guard import guarded

Event = dict[str, object]
Tell = Callable[[Event], None]
HeaderList = Sequence[tuple[str, str]]

CODECS = ("PCMU/8000", "PCMA/8000")
TONE_MILLISECONDS = 30_000
"""One turn of a tone that goes on: what a generator plays before it starts again."""
MILLISECONDS = 1000
FRAME_MICROSECONDS = 20_000
DTMF_IS_UPDATE = 1
"""PJMEDIA_STREAM_DTMF_IS_UPDATE, which pjsua2 has no name for: more of a digit that was told before."""
WAV_HEADER = struct.Struct("<4sI")
"""What a WAV file begins with: its name, and the size of all that follows."""


@dataclass(frozen=True, slots=True)
class Order:
    """A call to place. `caller` is what From says, empty for the agent's own name; the rest answers a challenge."""

    uri: str
    headers: HeaderList = ()
    caller: str = ""
    username: str = ""
    password: str = ""


def call_settings(headers: HeaderList, code: int = 0) -> pj.CallOpParam:
    """Parameters of an operation on a call: one audio stream, these headers, this status code."""
    prm = pj.CallOpParam(True)
    prm.opt.audioCount = 1
    prm.opt.videoCount = 0
    prm.opt.textCount = 0
    prm.statusCode = code
    for name, value in headers:
        header = pj.SipHeader()
        header.hName, header.hValue = name, value
        prm.txOption.headers.append(header)
    return prm


class LabCall(pj.Leg):
    """One call of an agent, known by its number. REFER waits for `answerRefer`."""

    def __init__(self, account: pj.Account, number: int, tell: Tell, call_id: int = pj.PJSUA_INVALID_ID) -> None:
        super().__init__(account, call_id)
        self.number = number
        self.ended = False
        self._tell = tell
        self._tone: pj.ToneGenerator | None = None
        self._recorder: pj.AudioMediaRecorder | None = None
        self._recording: Path | None = None
        self._recorded_at = 0.0
        self._audio: pj.AudioMedia | None = None
        self._tap: Tap | None = None

    def report(self, event: str, **details: object) -> None:
        """Tell what happened to this call."""
        self._tell({"event": event, "call": self.number, **details})

    def play(self, hz: int, dbfs: float) -> None:
        """A tone for the other side from now on, or from when audio flows; it replaces the one before."""
        tone = pj.ToneDesc()
        tone.freq1, tone.on_msec, tone.off_msec = hz, TONE_MILLISECONDS, 0
        tone.volume = round(32767 * amplitude(dbfs))
        self._tone = pj.ToneGenerator()
        self._tone.createToneGenerator(RATE, 1)
        self._tone.play(pj.ToneDescVector([tone]), True)
        self._connect_tone()

    def be_silent(self) -> None:
        """End the tone."""
        self._tone = None

    def _connect_tone(self) -> None:
        if self._tone is not None and self._audio is not None:
            self._tone.startTransmit(self._audio)

    def tap(self, take: Callable[[bytes], None]) -> None:
        """Give what is heard from now on to `take`: 20 ms of 16-bit samples at a time, on a thread of the stack."""
        self._tap = Tap(take)
        self._connect_tap()

    def untap(self) -> None:
        """End what `tap` began."""
        if self._tap is not None and self._audio is not None:
            self._audio.stopTransmit(self._tap)
        self._tap = None

    def _connect_tap(self) -> None:
        if self._tap is not None and self._audio is not None:
            self._audio.startTransmit(self._tap)

    def link(self, other: LabCall) -> None:
        """Let two calls hear each other, if audio flows in both."""
        if self._audio is not None and other._audio is not None:
            self._audio.startTransmit(other._audio)
            other._audio.startTransmit(self._audio)

    def unlink(self, other: LabCall) -> None:
        """End what `link` began."""
        if self._audio is not None and other._audio is not None:
            self._audio.stopTransmit(other._audio)
            other._audio.stopTransmit(self._audio)

    def listen(self, path: Path, seconds: float) -> None:
        """Record what is heard for `seconds`.

        Raises:
            ValueError: there is no audio yet, or a recording is under way.
        """
        if self._audio is None or self._recording is not None:
            raise ValueError("no audio yet" if self._audio is None else "a recording is under way")
        self._recorder = pj.AudioMediaRecorder()
        self._recorder.createRecorder(str(path), 0, 0, 0)
        self._audio.startTransmit(self._recorder)
        self._recording, self._recorded_at = path, time.monotonic() + seconds

    def see_to_recording(self, now: float) -> bool:
        """Close the recording when its time is up or its call is over; whether one is still under way."""
        if self._recorder is not None and (now >= self._recorded_at or self._audio is None):
            self._recorder = None
        if self._recorder is None and self._recording is not None and _is_complete(self._recording):
            self.report("recorded", path=str(self._recording))
            self._recording = None
        return self._recording is not None

    # -- callbacks of pjsua2 -------------------------------------------------------------------------------------

    def callback_failed(self) -> None:
        """What `guarded` tells us."""
        self.report("fault")

    @guarded
    def onProgress(self, code: int, message: str) -> None:
        if message:
            self.report("progress", code=code, message=message)

    @guarded
    def onAnswer(self, message: str) -> None:
        self.report("answered", message=message)
        self.report("confirmed")  # the stack acknowledges it before anything else

    @guarded
    def onAck(self) -> None:
        self.report("confirmed")

    @guarded
    def onEnd(self, code: int, method: str, message: str) -> None:
        if not self.ended:
            self.ended = True
            self._audio = self._tone = self._tap = None
            info = self.getInfo()
            self.report("ended", code=info.lastStatusCode, reason=info.lastReason, message=message or None)

    @guarded
    def onAudio(self) -> None:
        self._audio = None
        info = self.getInfo()  # kept while its parts are read: they live inside it
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                self._audio = self.getAudioMedia(index)
                self._connect_tone()
                self._connect_tap()
                self.report("audio", codec=self.getStreamInfo(index).codecName)

    @guarded
    def onRefer(self, message: str) -> None:
        self.report("refer", message=message)

    @guarded
    def onReferAnswer(self, code: int) -> None:
        self.report("refer-answered", code=code)

    @guarded
    def onReferStatus(self, code: int, last: bool) -> None:
        self.report("referred", code=code, final=last)

    @guarded
    def onDtmfEvent(self, prm: pj.OnDtmfEventParam) -> None:
        if not prm.flags & DTMF_IS_UPDATE:
            self.report("digit", digit=prm.digit)


class Tap(pj.AudioMediaPort):
    """Where audio leaves the stack."""

    def __init__(self, take: Callable[[bytes], None]) -> None:
        super().__init__()
        self._take = take
        form = pj.MediaFormatAudio()
        form.init(pj.PJMEDIA_FORMAT_PCM, RATE, 1, FRAME_MICROSECONDS, 16)
        self.createPort("tap", form)

    def callback_failed(self) -> None:
        """A frame is lost; the log has the traceback."""

    @guarded
    def onFrameReceived(self, frame: pj.MediaFrame) -> None:
        if frame.type == pj.PJMEDIA_FRAME_TYPE_AUDIO:
            self._take(bytes(frame.buf))


class LabAccount(pj.Account):
    """Who the agent is; gives what arrives to the agent."""

    def __init__(self, on_invite: Callable[[pj.OnIncomingCallParam], None]) -> None:
        super().__init__()
        self._on_invite = on_invite

    def callback_failed(self) -> None:
        """PJSIP answers 500 by itself to an INVITE that nobody made a call for."""

    @guarded
    def onIncomingCall(self, prm: pj.OnIncomingCallParam) -> None:
        self._on_invite(prm)


class Agent:
    """The telephone at one loopback address; `tell` is given every event."""

    def __init__(self, address: str, port: int, tell: Tell) -> None:
        self._tell = tell
        self._numbers = itertools.count(1)
        self._calls: dict[int, LabCall] = {}
        self._over: list[LabCall] = []
        """Calls that ended, in whose place in PJSIP is another now: to drop one would hang that up (places.patch)."""
        self._endpoint = pj.Endpoint()
        self._start(address, port)
        self.port = int(self._endpoint.transportGetInfo(0).localName.rsplit(":", 1)[1])
        self._address = address
        self._account = LabAccount(self._invited)
        self._account.create(_account_config(address, self.port))
        self._known: dict[tuple[str, str], LabAccount] = {("", ""): self._account}
        self._links: set[frozenset[int]] = set()

    def _start(self, address: str, port: int) -> None:
        pj.sipSetLogLevel(0)
        # A request of more than 1,300 bytes stays on UDP, as with Asterisk's own default.
        pj.sipSwitchLargeRequestsToTcp(False)
        self._endpoint.libCreate()
        self._endpoint.libInit(_endpoint_config())
        pj.sipTakeTransfers()
        transport = pj.TransportConfig()
        transport.boundAddress, transport.port = address, port
        self._endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
        for codec in self._endpoint.codecEnum2():
            self._endpoint.codecSetPriority(codec.codecId, 0)
        for place, name in enumerate(CODECS):
            self._endpoint.codecSetPriority(name, 200 - place)
        self._endpoint.audDevManager().setNullDev()
        self._endpoint.libStart()

    def poll(self, seconds: float) -> None:
        """Let the stack work, then see to what is due."""
        self._endpoint.libHandleEvents(int(seconds * MILLISECONDS))
        now = time.monotonic()
        for call in list(self._calls.values()):
            recording = call.see_to_recording(now)
            if call.ended and not recording:
                self._over.append(self._calls.pop(call.number))
        taken = {call.getId() for call in self._calls.values()}
        self._over = [call for call in self._over if call.getId() in taken]

    def close(self) -> None:
        """Hang up what is left and end the stack."""
        for call in self._calls.values():
            if not call.ended:
                call.hangup(call_settings((), 0))
        left = bool(self._calls)
        self._calls.clear()
        # Without the flag the stack waits a second for answers to what it sent last.
        self._endpoint.libDestroy(0 if left else pj.PJSUA_DESTROY_NO_NETWORK)

    def new_number(self) -> int:
        """A number for a call to come; from any thread."""
        return next(self._numbers)

    def place(self, order: Order, number: int | None = None) -> LabCall:
        """Call somebody.

        Raises:
            pj.Error: the stack cannot even send it.
        """
        account = self._account_of(order.username, order.password)
        call = LabCall(account, self.new_number() if number is None else number, self._told)
        prm = call_settings(tuple(order.headers))
        prm.txOption.localUri = order.caller
        call.makeCall(order.uri, prm)
        self._calls[call.number] = call
        return call

    def _account_of(self, username: str, password: str) -> LabAccount:
        """Who answers a challenge with these; kept, as a stack has few users."""
        if (username, password) not in self._known:
            config = _account_config(self._address, self.port)
            config.sipConfig.authCreds.append(pj.AuthCredInfo("digest", "*", username, 0, password))
            account = LabAccount(self._invited)
            account.create(config)
            self._known[username, password] = account
        return self._known[username, password]

    def link(self, one: int, other: int) -> None:
        """Let two calls hear each other, now or as soon as audio flows in both, until one ends."""
        self._links.add(frozenset((one, other)))
        self._connect(one)

    def unlink(self, one: int, other: int) -> None:
        """End what `link` began."""
        self._links.discard(frozenset((one, other)))
        first, second = self.find(one), self.find(other)
        if first and second:
            first.unlink(second)

    def _connect(self, number: int) -> None:
        for pair in self._links:
            if number in pair:
                first, second = (self.find(one) for one in pair)
                if first and second:
                    first.link(second)

    def _told(self, event: Event) -> None:
        if event["event"] == "audio":
            self._connect(int(str(event["call"])))
        elif event["event"] == "ended":
            self._links = {pair for pair in self._links if event["call"] not in pair}
        self._tell(event)

    def find(self, number: int) -> LabCall | None:
        """A call that has not ended."""
        call = self._calls.get(number)
        return None if call is None or call.ended else call

    def _invited(self, prm: pj.OnIncomingCallParam) -> None:
        call = LabCall(self._account, self.new_number(), self._told, prm.callId)
        self._calls[call.number] = call
        call.report("invite", message=prm.rdata.wholeMsg, source=address_of(prm.rdata.srcAddress))


def _is_complete(recording: Path) -> bool:
    """Whether the WAV file has its final header: the stack writes it on its own thread, some time after the end."""
    with recording.open("rb") as file:
        header = file.read(WAV_HEADER.size)
    if len(header) < WAV_HEADER.size:
        return False
    name, size = WAV_HEADER.unpack(header)
    return bool(name == b"RIFF" and size == recording.stat().st_size - WAV_HEADER.size)


def _endpoint_config() -> pj.EpConfig:
    config = pj.EpConfig()
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.uaConfig.maxCalls = 32
    config.uaConfig.userAgent = "gateway-lab"
    config.logConfig.level = config.logConfig.consoleLevel = 0
    media = config.medConfig
    media.clockRate = media.sndClockRate = RATE
    media.audioFramePtime = media.ptime = 20
    media.noVad = True
    media.ecTailLen = 0
    media.sndAutoCloseTime = -1
    return config


def _account_config(address: str, port: int) -> pj.AccountConfig:
    config = pj.AccountConfig()
    config.idUri = f"sip:lab@{address}:{port}"
    config.regConfig.registerOnAdd = False
    config.callConfig.timerUse = pj.PJSUA_SIP_TIMER_OPTIONAL
    config.mediaConfig.transportConfig.boundAddress = address
    config.mediaConfig.lockCodecEnabled = False
    return config
