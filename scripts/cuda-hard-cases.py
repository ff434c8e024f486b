"""CUDA programs that do what programs do (scripts/cuda-hard-cases.sh); each prints one line of JSON a fact.

    launches S     launches for S seconds; the rate of every second, and how long the exit took
    abrupt S       the same, then os._exit
    reset S        the driver alone: launches, resets the primary context, launches again
    profiler       torch.profiler around some of the launches: how many GPU events it saw
    subscriber     subscribes to CUPTI before CUDA is initialised, as another profiler does
"""

import atexit
import ctypes
import glob
import json
import os
import sys
import time


def say(**facts):
    print(json.dumps(facts), file=sys.stderr, flush=True)


def launches(seconds):
    import torch

    a = torch.ones(64, 64, device="cuda")
    torch.cuda.synchronize()
    total, begin = 0, time.monotonic()
    for second in range(seconds):
        n = 0
        while time.monotonic() < begin + second + 1:
            for _ in range(200):
                a.add_(1.0)
            torch.cuda.synchronize()
            n += 200
        total += n
        say(second=second, launches=n)
    say(launches=total)


def timed_exit():
    done = [0.0]
    # Handlers run last first: this one before the library's, which the driver's loading registered in C.
    atexit.register(lambda: done.__setitem__(0, time.monotonic()))
    pid = os.getpid()
    if os.fork() == 0:  # sees from outside when the program is gone
        begin = None
        while os.getppid() == pid:
            time.sleep(0.005)
            if begin is None and os.path.exists("/tmp/truejoule-exit-%d" % pid):
                begin = time.monotonic()
        if begin is not None:
            say(exit_s=round(time.monotonic() - begin, 3))
            os.unlink("/tmp/truejoule-exit-%d" % pid)
        os._exit(0)
    atexit.register(lambda: open("/tmp/truejoule-exit-%d" % pid, "w").close())


PTX = b""".version 6.4
.target sm_70
.address_size 64
.visible .entry nothing() { ret; }
"""


def reset(seconds):
    cu = ctypes.CDLL("libcuda.so.1")

    def call(name, *arguments):
        r = getattr(cu, name)(*arguments)
        if r != 0:
            sys.exit("%s: %d" % (name, r))

    call("cuInit", 0)
    for turn in range(2):
        context, module, kernel = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_void_p()
        call("cuDevicePrimaryCtxRetain", ctypes.byref(context), 0)
        call("cuCtxSetCurrent", context)
        call("cuModuleLoadData", ctypes.byref(module), PTX)
        call("cuModuleGetFunction", ctypes.byref(kernel), module, b"nothing")
        n, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            call("cuLaunchKernel", kernel, 1, 1, 1, 1, 1, 1, 0, None, None, None)
            call("cuCtxSynchronize")
            n += 1
            time.sleep(0.0005)
        say(turn=turn, context=hex(context.value), launches=n)
        call("cuDevicePrimaryCtxReset_v2", 0)


def profiler():
    import torch

    a = torch.ones(64, 64, device="cuda")

    def work(n):
        for _ in range(n):
            a.add_(1.0)
        torch.cuda.synchronize()

    work(2000)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as p:
        work(1000)
    events = [e for e in p.events() if "elementwise" in e.name]
    say(profiler_gpu_events=len(events), of=1000)
    work(500)
    say(launches=3500)


def subscriber():
    import torch  # brings libcupti, and does not initialise CUDA yet

    places = [os.path.join(os.path.dirname(torch.__file__), "lib"), "/usr/local/cuda/lib64", "/usr/local/cuda/extras/CUPTI/lib64"]
    places += glob.glob(os.path.join(os.path.dirname(os.path.dirname(torch.__file__)), "nvidia", "*", "lib"))
    names = [f for p in places for f in glob.glob(os.path.join(p, "libcupti.so*"))]
    loaded = [line.split()[-1] for line in open("/proc/self/maps") if "libcupti.so" in line]
    cupti = ctypes.CDLL((loaded + names)[0])
    handle = ctypes.c_void_p()
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int, ctypes.c_uint32, ctypes.c_void_p)
    keep = kind(lambda *_: None)
    say(subscribed=cupti.cuptiSubscribe(ctypes.byref(handle), keep, None), library=(loaded + names)[0])
    launches(2)


what = sys.argv[1] if len(sys.argv) > 1 else ""
if what == "launches":
    timed_exit()
    launches(int(sys.argv[2]))
elif what == "abrupt":
    launches(int(sys.argv[2]))
    os._exit(0)
elif what == "reset":
    reset(int(sys.argv[2]))
elif what == "profiler":
    profiler()
elif what == "subscriber":
    subscriber()
else:
    sys.exit(__doc__)
