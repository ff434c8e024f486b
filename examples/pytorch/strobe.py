"""The same work at eight phases of a period: what a telemetry channel that strobes makes of it.

    truejoule record --rig bench.yaml --out runs/strobe -- python examples/pytorch/strobe.py 100 25 2.5
    node scripts/strobe-by-phase.mjs runs/strobe

Arguments: period in ms, work in ms, seconds a phase; repeat the three for further series. Bursts begin at
multiples of the period on CLOCK_MONOTONIC, plus the phase. Each burst is bf16 products of 4096² matrices,
each synchronised; the span's end says how many. True energy per product does not depend on the phase.
"""

import sys
import time

import torch
from _marks import span

PHASES = 8


def burst_series(product, period_s, on_s, seconds, phase_s):
    """Bursts for so many seconds. Returns (products, bursts that began late by over 5 % of the period)."""
    first = (time.monotonic() // period_s + 2) * period_s + phase_s
    products = late = 0
    for k in range(round(seconds / period_s)):
        begin = first + k * period_s
        time.sleep(max(0.0, begin - time.monotonic() - 1e-3))
        while time.monotonic() < begin:
            pass
        late += time.monotonic() > begin + 0.05 * period_s
        while time.monotonic() < begin + on_s:
            product()
            products += 1
    return products, late


def main():
    numbers = [float(x) for x in sys.argv[1:]]
    if len(numbers) < 3 or len(numbers) % 3:
        sys.exit(__doc__)
    a, b = (torch.randn(4096, 4096, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    out = torch.empty_like(a)

    def product():
        torch.mm(a, b, out=out)
        torch.cuda.synchronize()

    for _ in range(2000):  # clocks and temperature settle
        product()
    for period_ms, on_ms, seconds in zip(*[iter(numbers)] * 3):
        for i in range(PHASES):
            phase_ms = period_ms * i / PHASES
            with span("strobe", period_ms=period_ms, on_ms=on_ms, phase_ms=phase_ms) as s:
                n, late = burst_series(product, period_ms / 1e3, on_ms / 1e3, seconds, phase_ms / 1e3)
                s.add(products=n, late=late)
            print(f"period {period_ms} ms, phase {phase_ms:.2f} ms: {n} products", flush=True)


if __name__ == "__main__":
    main()
