"""Marks from loops that exceptions out of a signal handler end anywhere, as Ctrl-C and timeouts do.

Prints how many marks were begun for certain: calls that returned. MARKS_THREADS more threads mark meanwhile.
"""

import os
import signal
import threading
import time

import truejoule as tj
from truejoule import _session


class Stop(Exception):
    pass


def stop(*_):
    global armed
    if armed:
        armed = False  # the next one comes once this one has been caught
        raise Stop


def others(stopped, done):
    n = 0
    while not stopped.is_set():
        tj.mark("other")
        n += 1
        time.sleep(0.0005)
    done.append(n)


tj.recording()
stopped, done = threading.Event(), []
threads = [
    threading.Thread(target=others, args=(stopped, done))
    for _ in range(int(os.environ.get("MARKS_THREADS", "0")))
]
for t in threads:
    t.start()
signal.signal(signal.SIGALRM, stop)
armed = False
returned = raised = 0
words = _session.ring()._words
signal.setitimer(signal.ITIMER_REAL, 0.0003, 0.0003)
while raised < 400:
    try:
        armed = True
        while True:
            for _ in range(20):
                tj.mark("loop")
                returned += 1
            while words[8] > words[24] + 4096:  # half a ring behind
                time.sleep(0.0002)
    except Stop:
        raised += 1
signal.setitimer(signal.ITIMER_REAL, 0)
for i in range(1000):
    tj.mark("after")
stopped.set()
for t in threads:
    t.join()
print(returned, raised, sum(done))
