"""A square GPU load with marks: bf16 matrix products for ON seconds, nothing for OFF, repeated.

    python3 square-load.py MARKS DURATION_S ON_S OFF_S [N]

Writes "begin NS" and "end NS PRODUCTS" lines to MARKS, CLOCK_MONOTONIC nanoseconds. Each product is
synchronised, so an edge is as sharp as one product (0.2 ms for N = 4096 on an H100). The last
millisecond before a begin is spun away, so that short periods hold.
"""

import sys
import time

import torch


def main() -> None:
    path, duration_s, on_s, off_s = sys.argv[1], *map(float, sys.argv[2:5])
    n = int(sys.argv[5]) if len(sys.argv) > 5 else 4096
    a = torch.randn(n, n, device="cuda", dtype=torch.bfloat16)
    b = torch.randn(n, n, device="cuda", dtype=torch.bfloat16)
    out = torch.empty_like(a)
    torch.mm(a, b, out=out)
    torch.cuda.synchronize()
    start = time.monotonic()
    with open(path, "w", buffering=1) as marks:
        k = 0
        while (begin := start + k * (on_s + off_s)) < start + duration_s:
            time.sleep(max(0.0, begin - time.monotonic() - 1e-3))
            while time.monotonic() < begin:
                pass
            begun_ns, products = time.monotonic_ns(), 0
            while time.monotonic() < begin + on_s:
                torch.mm(a, b, out=out)
                torch.cuda.synchronize()
                products += 1
            marks.write(f"begin {begun_ns}\nend {time.monotonic_ns()} {products}\n")
            k += 1


if __name__ == "__main__":
    main()
