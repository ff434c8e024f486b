"""Marks inside the model server of Text Generation Inference.

Not run with TGI here: written against TextGenerationService in text_generation_server/server.py. The
queue lives in TGI's router, a Rust program that this cannot reach: `server_recv`, `enqueue` and
`dequeue` have to come from its own tracing. What the model server sees is marked. At the end of
text_generation_server/server.py:

    import tgi_marks; tgi_marks.mark_service(TextGenerationService)

Prefill and Decode return tokens that are on the host, so their spans hold the GPU's work.
"""

import asyncio
import functools
from types import SimpleNamespace
from typing import Any

try:
    import truejoule as tj
except ImportError:  # not installed: take the client of this checkout
    import _checkout  # noqa: F401
    import truejoule as tj


def mark_service(service: type) -> None:
    """Wraps the two calls that run the model."""
    prefill, decode = service.Prefill, service.Decode

    @functools.wraps(prefill)
    async def marked_prefill(self: Any, request: Any, context: Any) -> Any:
        batch = request.batch
        ids = ",".join(str(r.id) for r in batch.requests)
        fields = {"batch": batch.id, "batch_size": len(batch.requests), "max_tokens": batch.max_tokens}
        tj.mark("prefill_start", request=ids, **fields)
        with tj.span("prefill", **fields):
            response = await prefill(self, request, context)
        tj.mark("first_token", request=ids, batch=batch.id)
        tj.mark("decode_loop_start", request=ids, batch=batch.id)
        return response

    @functools.wraps(decode)
    async def marked_decode(self: Any, request: Any, context: Any) -> Any:
        size = sum(len(batch.request_ids) for batch in request.batches)
        with tj.span("decode", batches=len(request.batches), batch_size=size) as span:
            response = await decode(self, request, context)
            span.add(tokens=len(response.generations))
            return response

    service.Prefill = marked_prefill
    service.Decode = marked_decode


class StandInService:
    """The shape of the two calls, none of their work."""

    async def Prefill(self, request: Any, context: Any) -> Any:
        await asyncio.sleep(0.002)
        return SimpleNamespace(generations=[0] * len(request.batch.requests))

    async def Decode(self, request: Any, context: Any) -> Any:
        await asyncio.sleep(0.001)
        return SimpleNamespace(generations=[0] * 4)


async def main() -> None:
    print("a stand-in for TGI's model server, marked; nothing here runs a model")
    mark_service(StandInService)
    service = StandInService()
    requests = [SimpleNamespace(id=n) for n in range(4)]
    batch = SimpleNamespace(id=0, requests=requests, max_tokens=2048)
    await service.Prefill(SimpleNamespace(batch=batch), None)
    cached = SimpleNamespace(id=0, request_ids=[0, 1, 2, 3])
    for _ in range(3):
        await service.Decode(SimpleNamespace(batches=[cached]), None)


if __name__ == "__main__":
    asyncio.run(main())
