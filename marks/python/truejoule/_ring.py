"""This process's ring (docs/marks.md, "The ring"), written by one thread at a time.

In: marks. Out: slots. Holds: a queue that any thread, signal handler or finaliser may append to, and a
lock that nobody waits for.
"""

import collections
import fcntl
import mmap
import os
import platform
import threading
from typing import Any, Deque, Mapping

from ._slot import encode

CAPACITY = 1 << 13  # 2 MiB; the recorder looks every 10 ms
SLOT_BYTES = 256
HEADER_BYTES = 4096
_HEAD = 64 // 8  # in 64-bit words

# x86 keeps stores in order; elsewhere see Ring._fence.
_ORDERED = platform.machine() in ("x86_64", "AMD64", "i686")


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
        except OSError:
            os.unlink(path + ".tmp")
            os.close(self._fd)
            raise
        self._bytes = mmap.mmap(self._fd, size)
        header = (1, SLOT_BYTES, CAPACITY, 0)
        self._bytes[0:24] = b"TJMARKS\0" + b"".join(n.to_bytes(4, "little") for n in header)
        # Stores through this view are single 8-byte stores; struct and slices may go byte by byte.
        self._words = memoryview(self._bytes).cast("Q")
        self._next = 0
        self._queue: Deque[bytes] = collections.deque()
        self._lock = threading.Lock()
        self._barrier = threading.Lock()
        self._barrier.acquire()
        os.rename(path + ".tmp", path)

    def put(self, kind: int, name: str, t_ns: int, number: int, fields: Mapping[str, Any]) -> None:
        """Queues a mark, then writes out what is queued, unless somebody is doing that already.

        Whoever holds the lock looks at the queue again after letting go, so nothing is left behind.
        """
        tid = threading.get_native_id()
        queue = self._queue
        queue.append(encode(kind, name, t_ns, number, self.pid, tid, fields))
        while queue:
            if not self._lock.acquire(False):
                return
            try:
                self._drain()
            finally:
                self._lock.release()

    def _drain(self) -> None:
        queue, words = self._queue, self._words
        while queue:
            body = queue.popleft()
            i = self._next
            self._next = i + 1
            at = HEADER_BYTES + (i & (CAPACITY - 1)) * SLOT_BYTES
            words[_HEAD] = i + 1
            words[at >> 3] = 2 * i + 1
            if not _ORDERED:
                self._fence()
            self._bytes[at + 8 : at + 8 + len(body)] = body
            if not _ORDERED:
                self._fence()
            words[at >> 3] = 2 * i + 2

    def _fence(self) -> None:
        # A store-release followed by a load-acquire of the same lock: what stands before is seen before
        # what stands after. Pure Python has no other barrier.
        self._barrier.release()
        self._barrier.acquire()

    def forget(self) -> None:
        """In a forked child: the ring stays the parent's; closing does not release its lock."""
        os.close(self._fd)
