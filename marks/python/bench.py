"""What a mark costs in Python: ns, best of 100 short rounds, as JSON; run by marks/bench.ts."""

import json
import time
from typing import Callable

import truejoule as tj

MARKS = 2_000


def cost(call: Callable[[], object]) -> float:
    best = float("inf")
    for _ in range(100):
        start = time.perf_counter_ns()
        for _ in range(MARKS):
            call()
        best = min(best, (time.perf_counter_ns() - start) / MARKS)
    return round(best, 1)


def span() -> None:
    with tj.span("prefill", batch_size=8):
        pass


print(
    json.dumps(
        {
            "clock_ns": cost(time.monotonic_ns),
            "mark_ns": cost(lambda: tj.mark("first_token")),
            "mark_with_field_ns": cost(lambda: tj.mark("first_token", batch_size=8)),
            "span_ns": cost(span),
        }
    )
)
