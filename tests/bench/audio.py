"""Audio of both far ends: `python -m tests.bench.audio`, a process of its own that the benchmark drives by lines.

Sends 50 packets a second on each stream and checks what comes back. SIPp's own RTP costs several times as much, because
it makes system calls for each packet; here one `sendmmsg` serves all streams of a side, which share one socket. All
packets of the same 20 ms are alike: an RTP header and 160 bytes of PCMU that all hold the frame's number, modulo 127. A
bridge that decodes and encodes hands that on unchanged, so the number that arrives says which frame is heard.

Commands on stdin, each answered with one line of JSON: `streams` (how many are known), `count` (count from now on),
`report` (what was counted). The end of stdin ends it.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from tests.bench.lab import MEASURED, PBX, TWILIO

FRAME_SECONDS = 0.02
FRAME_SAMPLES = 160
SLOTS = 10
"""The streams of a side do not all send at the same instant: a tenth of them every 2 ms."""
MARKS = 127
"""PCMU 0 to 126 survive decoding and encoding; 127 and 255 are both zero."""
BATCH = 512
HEAD_BYTES = 16
"""Of a received packet only the RTP header and the first samples are looked at."""
BUFFER_BYTES = 8 * 1024 * 1024
RATHER_MORE_THAN_RMEM_MAX = 33
"""SO_RCVBUFFORCE (socket(7)), for root."""

libc = ctypes.CDLL(None, use_errno=True)


class IoVec(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class MsgHdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(IoVec)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class MMsgHdr(ctypes.Structure):
    """struct mmsghdr of recvmmsg(2)."""

    _fields_ = (("header", MsgHdr), ("length", ctypes.c_uint32))


ADDRESS_BYTES = 16  # struct sockaddr_in


@dataclass
class Counts:
    """Packets. `lost` by RTP sequence numbers; `misplaced` are those whose sound does not follow on the one before."""

    sent: int = 0
    received: int = 0
    lost: int = 0
    misplaced: int = 0
    late: float = 0.0
    """The longest this process was behind its own clock, seconds."""


class Side:
    """All streams of one far end, on one socket."""

    def __init__(self, host: str, port: int, calls: Path, seconds: float) -> None:
        self.counts = Counts()
        self._calls = Tail(calls)
        self._seconds = seconds
        self._socket = _bind(host, port)
        self._rtcp = _bind(host, port + 1)
        self._streams: deque[tuple[float, ctypes.Array[ctypes.c_char]]] = deque()
        self._last: dict[int, tuple[int, int]] = {}
        self._packet = ctypes.create_string_buffer(12 + FRAME_SAMPLES)
        self._packet_vector = IoVec(ctypes.addressof(self._packet), len(self._packet.raw))
        self._slots = [self._make_slot() for _ in range(SLOTS)]
        self._filled = [0] * SLOTS
        self._heads = ctypes.create_string_buffer(BATCH * HEAD_BYTES)
        self._names = ctypes.create_string_buffer(BATCH * ADDRESS_BYTES)
        self._vectors = (IoVec * BATCH)()
        self._inbox = self._make_inbox()

    @property
    def streams(self) -> int:
        """How many are sent now."""
        return len(self._streams)

    def _make_slot(self) -> ctypes.Array[MMsgHdr]:
        slot = (MMsgHdr * BATCH)()
        for message in slot:
            message.header.name_length = ADDRESS_BYTES
            message.header.vectors = ctypes.pointer(self._packet_vector)
            message.header.vector_count = 1
        return slot

    def _make_inbox(self) -> ctypes.Array[MMsgHdr]:
        inbox = (MMsgHdr * BATCH)()
        for index, message in enumerate(inbox):
            self._vectors[index] = IoVec(ctypes.addressof(self._heads) + index * HEAD_BYTES, HEAD_BYTES)
            message.header.name = ctypes.addressof(self._names) + index * ADDRESS_BYTES
            message.header.name_length = ADDRESS_BYTES
            message.header.vectors = ctypes.pointer(self._vectors[index])
            message.header.vector_count = 1
        return inbox

    def update(self) -> None:
        """Take on the calls that SIPp has written down since, let go of those that are over."""
        now = time.monotonic()
        over = 0
        while over < len(self._streams) and self._streams[over][0] < now:
            over += 1
        new = self._calls.ports()
        if not over and not new:
            return
        for _ in range(over):
            self._streams.popleft()
        self._streams.extend((now + self._seconds, _address(port)) for port in new)
        self._fill()

    def _fill(self) -> None:
        """Deal the streams out to the slots."""
        for slot in range(SLOTS):
            mine = [name for _, name in islice(self._streams, slot, None, SLOTS)]
            for message, name in zip(self._slots[slot], mine, strict=False):
                message.header.name = ctypes.addressof(name)
            self._filled[slot] = min(len(mine), BATCH)

    def set_frame(self, number: int) -> None:
        """What all streams send from now on."""
        head = struct.pack("!BBHII", 0x80, 0, number & 0xFFFF, number * FRAME_SAMPLES & 0xFFFFFFFF, 0x5EED)
        self._packet.raw = head + bytes([number % MARKS]) * FRAME_SAMPLES

    def send(self, slot: int) -> None:
        """One packet on each stream of a slot."""
        done = 0
        while done < self._filled[slot]:
            at = ctypes.byref(self._slots[slot], done * ctypes.sizeof(MMsgHdr))
            sent = libc.sendmmsg(self._socket.fileno(), at, self._filled[slot] - done, 0)
            done += max(sent, 1)  # an error is that of the first one: a call that is over
            self.counts.sent += max(sent, 0)

    def receive(self) -> None:
        """Take in whatever has come."""
        while True:
            count = libc.recvmmsg(self._socket.fileno(), self._inbox, BATCH, socket.MSG_DONTWAIT, None)
            if count > 0:
                self._check(count)
            if count < BATCH:
                break
        self._rtcp_discard()

    def _check(self, count: int) -> None:
        counts, last = self.counts, self._last
        heads, names = self._heads.raw, self._names.raw
        counts.received += count
        for index in range(count):
            at = index * HEAD_BYTES
            sequence, mark = heads[at + 2] << 8 | heads[at + 3], heads[at + 12]
            stream = names[at + 2] << 8 | names[at + 3]
            before = last.get(stream)
            last[stream] = sequence, mark
            if before is not None:
                counts.lost += (sequence - before[0] - 1) & 0xFFFF
                counts.misplaced += mark != (before[1] + 1) % MARKS

    def _rtcp_discard(self) -> None:
        try:
            while True:
                self._rtcp.recv(2048)
        except BlockingIOError:
            return


class Tail:
    """The ports that SIPp's log tells, each once; lines that are still being written wait."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._read = 0

    def ports(self) -> list[int]:
        """Those that are new."""
        if not self._file.exists():
            return []
        with self._file.open("rb") as log:
            log.seek(self._read)
            text = log.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._read += len(whole)
        return [int(line.split()[1]) for line in whole.splitlines()]


def _address(port: int) -> ctypes.Array[ctypes.c_char]:
    """struct sockaddr_in of a port of what is measured."""
    packed = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + socket.inet_aton(MEASURED)
    return ctypes.create_string_buffer(packed, ADDRESS_BYTES)


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, RATHER_MORE_THAN_RMEM_MAX, BUFFER_BYTES)
    except PermissionError:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    bound.setblocking(False)
    bound.bind((host, port))
    return bound


def serve(sides: dict[str, Side]) -> None:
    """Send and receive until stdin ends."""
    slot_seconds = FRAME_SECONDS / SLOTS
    began = time.monotonic()
    tick = 0
    while True:
        ahead = began + tick * slot_seconds - time.monotonic()
        if ahead > 0:
            time.sleep(ahead)
        frame, slot = divmod(tick, SLOTS)
        # Before a frame: what is dealt to other slots in the middle of one would be sent twice in it, or not at all.
        if slot == 0 and frame % 5 == 0 and not _obey(sides):
            return
        for side in sides.values():
            side.counts.late = max(side.counts.late, -ahead)
            if slot == 0:
                side.set_frame(frame)
            side.send(slot)
            side.receive()
        tick += 1


def _obey(sides: dict[str, Side]) -> bool:
    """Carry out a command, if there is one; False at the end."""
    for side in sides.values():
        side.update()
    if not select.select([sys.stdin], [], [], 0)[0]:
        return True
    command = sys.stdin.readline().strip()
    if command == "count":
        for side in sides.values():
            side.counts = Counts()
    if command:
        used = os.times()
        answer = {name: asdict(side.counts) | {"streams": side.streams} for name, side in sides.items()}
        print(json.dumps(answer | {"cpu": used.user + used.system}), flush=True)
    return bool(command)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    places = {"pbx": PBX, "twilio": TWILIO}
    serve(
        {
            name: Side(host, options.port, options.folder / f"{name}.calls", options.seconds)
            for name, host in places.items()
        }
    )


if __name__ == "__main__":
    main()
