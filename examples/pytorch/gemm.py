"""Square matrix products at several sizes, one marked span a size.

    truejoule record --rig bench.yaml --out runs/gemm --cuda -- python examples/pytorch/gemm.py
    python examples/pytorch/gemm.py [--seconds 2] [--sizes 512 1024 …] [--dtype bfloat16]

A span holds whole products: the GPU has finished the last one before it ends. Its end carries how many,
so Joules per product can be had from the span alone or, with --cuda, from the kernels.
"""

import argparse
import time

import torch
from _marks import span


def products(a, b, out, seconds):
    """Runs products for at least so long, 16 in flight at most. Returns how many."""
    end, n = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        for _ in range(16):
            torch.mm(a, b, out=out)
        torch.cuda.synchronize()
        n += 16
    return n


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=2.0, help="of each size")
    arguments.add_argument("--sizes", type=int, nargs="+", default=[512, 1024, 2048, 4096, 8192])
    arguments.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    given = arguments.parse_args()
    dtype = getattr(torch, given.dtype)
    for n in given.sizes:
        a, b = (torch.randn(n, n, device="cuda", dtype=dtype) for _ in range(2))
        out = torch.empty_like(a)
        products(a, b, out, 0.2)  # the first call picks a kernel and loads it
        time.sleep(0.3)  # idle between the sizes: the baseline of operational Joules
        with span("gemm", n=n, dtype=given.dtype) as gemm:
            count = products(a, b, out, given.seconds)
            gemm.add(products=count)
        print(f"{given.dtype} {n}x{n}x{n}: {count} products")


if __name__ == "__main__":
    main()
