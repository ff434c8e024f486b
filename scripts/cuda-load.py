"""CUDA work whose launches are known, to hold marks/cuda against (docs/evidence/cuda-h100.md).

    python3 scripts/cuda-load.py count             launches of four kinds; prints how many of each
    python3 scripts/cuda-load.py cost              host time a launch, ns, as JSON
    python3 scripts/cuda-load.py truth S OUT       kernels for S seconds that note the GPU's own clock at
                                                   their first and last instruction; OUT gets the notes
"""

import json
import random
import statistics
import sys
import time

import torch


def count():
    """One kernel a call, but for the graph: ten a launch."""
    a = torch.ones(256, 256, device="cuda")
    b, out = torch.randn_like(a), torch.empty_like(a)
    torch.mm(a, b, out=out)
    static = torch.zeros(1024, device="cuda")
    graph = torch.cuda.CUDAGraph()
    torch.cuda.synchronize()
    with torch.cuda.graph(graph):
        for _ in range(10):
            static.add_(1.0)
    made = {"add_": 3000, "mm": 2000, "relu_": 1000, "graph launches": 100}
    for _ in range(made["add_"]):
        a.add_(1.0)
    torch.cuda.synchronize()
    for i in range(made["mm"]):
        torch.mm(a, b, out=out)
        if i % 100 == 0:
            torch.cuda.synchronize()
    for _ in range(made["relu_"]):
        b.relu_()
        torch.cuda.synchronize()
    for _ in range(made["graph launches"]):
        graph.replay()
    torch.cuda.synchronize()
    assert static[0].item() == 10 * made["graph launches"]
    print(json.dumps(made), flush=True)


def cost():
    a, b, c = (torch.randn(256, 256, device="cuda") for _ in range(3))
    calls = {"add_": lambda: a.add_(1.0), "mm": lambda: torch.mm(a, b, out=c)}
    result = {}
    for name, call in calls.items():
        for _ in range(200):
            call()
        rounds = []
        for _ in range(40):
            torch.cuda.synchronize()
            begin = time.perf_counter_ns()
            for _ in range(400):
                call()
            rounds.append((time.perf_counter_ns() - begin) / 400)
        torch.cuda.synchronize()
        result[name] = {"best": min(rounds), "median": statistics.median(rounds)}
    print(json.dumps(result), flush=True)


SOURCE = r"""
extern "C" __global__ void truth(unsigned long long *t, unsigned long long ns) {
  unsigned long long g, h;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(g) :: "memory");
  if (threadIdx.x == 0) atomicMin(t, g);
  do asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(h) :: "memory");
  while (h < g + ns);
  __syncthreads();
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(h) :: "memory");
  if (threadIdx.x == 0) atomicMax(t + 1, h);
}
"""


def truth(seconds, out):
    import cupy

    kernel = cupy.RawKernel(SOURCE, "truth")
    times = cupy.zeros((200_000, 2), dtype=cupy.uint64)
    times[:, 0] = 2**63
    draw = random.Random(1)
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for _ in range(draw.choice([1, 1, 10, 50])):
            kernel((132,), (128,), (times[n], cupy.uint64(draw.choice([2000, 20_000, 200_000]))))
            n += 1
        if draw.random() < 0.7:
            cupy.cuda.runtime.deviceSynchronize()
        time.sleep(draw.choice([0, 0.001, 0.02]))
    cupy.cuda.runtime.deviceSynchronize()
    with open(out, "w") as f:
        json.dump([[str(x) for x in row] for row in times[:n].get().tolist()], f)
    print(json.dumps({"truth": n}), flush=True)


if __name__ == "__main__":
    what = sys.argv[1] if len(sys.argv) > 1 else ""
    if what == "count":
        count()
    elif what == "cost":
        cost()
    elif what == "truth":
        truth(float(sys.argv[2]), sys.argv[3])
    else:
        sys.exit(__doc__)
