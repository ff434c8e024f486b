"""This process's ring (docs/marks.md, "The ring"), written by one thread at a time.

In: marks. Out: slots. Holds: a bounded queue that any thread, signal handler or finaliser may append to, and
a turn to write that nobody waits for. An exception out of a signal handler may leave any line of this file
unfinished: a turn that its owner left is taken over, a half-written slot is written again, and a mark that
did not get into the queue is one that the recorder counts as lost.
"""

import collections
import fcntl
import mmap
import os
import platform
import sys
import threading
from typing import Any, Deque, Dict, List, Mapping, Optional

from ._slot import encode

CAPACITY = 1 << 13  # 2 MiB; the recorder looks every 10 ms
SLOT_BYTES = 256
HEADER_BYTES = 4096
QUEUE = 1 << 16  # marks; each more is lost, and counted
_HEAD = 64 // 8  # in 64-bit words
_CLOSED = 72  # in bytes
_LONG = 256  # a queue that grows to this has a writer that may be gone

_ident, _native_id = threading.get_ident, threading.get_native_id

# x86 keeps stores in order; elsewhere see _fence.
_ORDERED = platform.machine() in ("x86_64", "AMD64", "i686")


# A mark in the queue: its slot's bytes, and its number, −1 until it is written first; writing it again then
# changes nothing.
_Mark = List[Any]


class Ring:
    """A private ring: header, CAPACITY slots, no names area."""

    def __init__(self, folder: str) -> None:
        self.pid = os.getpid()
        path = os.path.join(folder, "%d-%s.ring" % (self.pid, os.urandom(4).hex()))
        # Kept open and locked for life: the lock tells the recorder that this process still lives.
        self._fd = os.open(path + ".tmp", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        size = HEADER_BYTES + CAPACITY * SLOT_BYTES
        try:
            os.posix_fallocate(self._fd, 0, size)
            # By another description: a mapping keeps its own, and a forked child's would keep the lock.
            fd = os.open(path + ".tmp", os.O_RDWR)
            self._bytes = mmap.mmap(fd, size)
            os.close(fd)
        except OSError:
            os.unlink(path + ".tmp")
            os.close(self._fd)
            raise
        header = (1, SLOT_BYTES, CAPACITY, 0)
        self._bytes[0:24] = b"TJMARKS\0" + b"".join(n.to_bytes(4, "little") for n in header)
        # Stores through this view are single 8-byte stores; struct and slices may go byte by byte.
        self._words = memoryview(self._bytes).cast("Q")
        self._next = 0
        self._queue: Deque[_Mark] = collections.deque()
        self._overflow: Deque[None] = collections.deque()  # one for each mark that found it full
        # The turn to write: "owner" has it until it is "over", then the "next" is to be had. setdefault is one
        # step of the interpreter, so a turn has one owner; whoever holds an old one finds the newest from there.
        self._turn: Dict[str, Any] = {}
        os.rename(path + ".tmp", path)

    @property
    def closed(self) -> bool:
        """Whether the recorder has ended."""
        return self._bytes[_CLOSED] != 0

    def put(self, kind: int, name: str, t_ns: int, number: int, fields: Mapping[str, Any]) -> None:
        """Queues a mark, then writes out what is queued, unless somebody is doing that already.

        Whoever has the turn looks at the queue again after giving it up, so nothing is left behind.
        """
        if self._bytes[_CLOSED]:
            return
        queue = self._queue
        if len(queue) >= QUEUE:
            self._overflow.append(None)
        else:
            tid = _native_id()
            queue.append([encode(kind, name, t_ns, number, self.pid, tid, fields), -1])
        self.flush()

    def flush(self, last: bool = False) -> None:
        """Writes out what is queued, unless somebody is doing that already."""
        me = [_ident()]  # told apart from the same thread's other calls
        while self._queue:
            turn = self._turn
            while True:
                owner = turn.setdefault("owner", me)
                if owner is me:
                    break
                if "over" not in turn and not self._is_left(owner[0], last):
                    return
                turn["over"] = True
                turn = self._turn = turn.setdefault("next", {})
            self._drain()
            turn["over"] = True
            self._turn = turn.setdefault("next", {})

    def _is_left(self, owner: int, last: bool) -> bool:
        """Whether an exception took the owner of the turn out of `flush`: looks at the thread's stack."""
        if owner == _ident():
            return not _is_inside(sys._getframe(2))
        if len(self._queue) % _LONG != 0 and not last:
            return False
        return not _is_inside(sys._current_frames().get(owner))

    def _drain(self) -> None:
        queue, overflow = self._queue, self._overflow
        if overflow:
            # Numbers that are drawn and never written: the recorder counts them.
            lost = len(overflow)
            self._next += lost
            self._words[_HEAD] = self._next
            for _ in range(lost):
                overflow.popleft()
        while queue:
            mark = queue[0]
            if mark[1] < 0:
                i = self._next
                self._next = i + 1
                mark[1] = i
            self._write(mark)
            queue.popleft()

    def _write(self, mark: _Mark) -> None:
        (body, i), words = mark, self._words
        at = HEADER_BYTES + (i & (CAPACITY - 1)) * SLOT_BYTES
        if words[_HEAD] <= i:
            words[_HEAD] = i + 1
        words[at >> 3] = 2 * i + 1
        if not _ORDERED:
            _fence()
        self._bytes[at + 8 : at + 8 + len(body)] = body
        if not _ORDERED:
            _fence()
        words[at >> 3] = 2 * i + 2

    def forget(self) -> None:
        """In a forked child: the ring stays the parent's; closing does not release its lock."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _is_inside(frame: Optional[Any]) -> bool:
    while frame is not None:
        if frame.f_code is Ring.flush.__code__:
            return True
        frame = frame.f_back
    return False


def _fence() -> None:
    """A store-release followed by a load-acquire of the same lock: what stands before is seen before what
    stands after. Pure Python has no other barrier. A lock of its own: an exception may leave it held."""
    lock = threading.Lock()
    lock.acquire()
    lock.release()
    lock.acquire()
