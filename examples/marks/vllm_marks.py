"""Marks inside vLLM (V1 engine), without changing it.

Not run with vLLM here: written against the scheduler interface in vllm/v1/core/sched/interface.py.
As a plugin it is loaded in every process that vLLM starts. In a package of yours:

    [project.entry-points."vllm.general_plugins"]
    truejoule = "vllm_marks:register"

`server_recv` comes from the API process, the rest from the engine core: one ring each, one clock.
A step is one forward pass for a mixed batch. `step` spans from its scheduling to its results, so under
asynchronous scheduling consecutive steps overlap; pair by the `span` field, never by order.
"""

import functools
from types import SimpleNamespace
from typing import Any, Dict, Set

try:
    import truejoule as tj
except ImportError:  # not installed: take the client of this checkout
    import _checkout  # noqa: F401
    import truejoule as tj


def mark_scheduler(scheduler: type) -> None:
    """Wraps the three methods of a scheduler class through which every request passes."""
    add_request, schedule, update = (
        scheduler.add_request,
        scheduler.schedule,
        scheduler.update_from_output,
    )
    steps: Dict[int, int] = {}  # id of a step's output → number of its span
    answered: Set[str] = set()

    @functools.wraps(add_request)
    def marked_add_request(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        tj.mark("enqueue", request=request.request_id)
        return add_request(self, request, *args, **kwargs)

    @functools.wraps(schedule)
    def marked_schedule(self: Any, *args: Any, **kwargs: Any) -> Any:
        out = schedule(self, *args, **kwargs)
        limit = getattr(getattr(self, "scheduler_config", None), "max_num_batched_tokens", 0)
        sizes = {
            "batch_size": len(out.num_scheduled_tokens),
            "tokens": out.total_num_scheduled_tokens,
            "max_num_batched_tokens": limit,
        }
        for new in out.scheduled_new_reqs:
            tj.mark("dequeue", request=new.req_id)
            prompt = len(new.prompt_token_ids or ())
            tj.mark("prefill_start", request=new.req_id, prompt_tokens=prompt, **sizes)
        if out.total_num_scheduled_tokens:
            prefills = len(out.scheduled_new_reqs)
            steps[id(out)] = tj.begin("step", prefills=prefills, **sizes)
        return out

    @functools.wraps(update)
    def marked_update(self: Any, scheduled: Any, *args: Any, **kwargs: Any) -> Any:
        results = update(self, scheduled, *args, **kwargs)
        number = steps.pop(id(scheduled), None)
        if number is not None:
            tj.end("step", number)
        for client in results.values():
            for output in client.outputs:
                request = output.request_id
                if output.new_token_ids and request not in answered:
                    answered.add(request)
                    tj.mark("first_token", request=request)
                    tj.mark("decode_loop_start", request=request)
                if output.finish_reason is not None:
                    answered.discard(request)
        return results

    scheduler.add_request = marked_add_request
    scheduler.schedule = marked_schedule
    scheduler.update_from_output = marked_update


def mark_frontend(engine: type) -> None:
    """Wraps the coroutine by which a request enters the API process."""
    add_request = engine.add_request

    @functools.wraps(add_request)
    async def marked(self: Any, request_id: str, *args: Any, **kwargs: Any) -> Any:
        tj.mark("server_recv", request=request_id)
        return await add_request(self, request_id, *args, **kwargs)

    engine.add_request = marked


_registered = False


def register() -> None:
    """Entry point. vLLM may call it more than once in a process."""
    global _registered
    if _registered or not tj.recording():
        return
    _registered = True
    from vllm.v1.core.sched.scheduler import Scheduler
    from vllm.v1.engine.async_llm import AsyncLLM

    mark_scheduler(Scheduler)
    mark_frontend(AsyncLLM)


class StandInScheduler:
    """Two requests, continuous batching, three tokens each: the shape of the interface, none of its work."""

    scheduler_config = SimpleNamespace(max_num_batched_tokens=8192)

    def __init__(self) -> None:
        self.waiting, self.running = [], {}

    def add_request(self, request: Any) -> None:
        self.waiting.append(request)

    def schedule(self) -> Any:
        new, self.waiting = self.waiting[:1], self.waiting[1:]
        tokens = {r: 1 for r in self.running}
        tokens.update({r.request_id: len(r.prompt_token_ids) for r in new})
        self.running.update({r.request_id: 0 for r in new})
        data = [SimpleNamespace(req_id=r.request_id, prompt_token_ids=r.prompt_token_ids) for r in new]
        return SimpleNamespace(
            scheduled_new_reqs=data,
            num_scheduled_tokens=tokens,
            total_num_scheduled_tokens=sum(tokens.values()),
        )

    def update_from_output(self, scheduled: Any, model_output: Any) -> Any:
        outputs = []
        for request in scheduled.num_scheduled_tokens:
            self.running[request] += 1
            done = "length" if self.running[request] == 3 else None
            outputs.append(
                SimpleNamespace(request_id=request, new_token_ids=[7], finish_reason=done)
            )
            if done:
                del self.running[request]
        return {0: SimpleNamespace(outputs=outputs)}


def main() -> None:
    print("a stand-in for vLLM's scheduler, marked; nothing here runs a model")
    mark_scheduler(StandInScheduler)
    scheduler = StandInScheduler()
    for n in range(2):
        tj.mark("server_recv", request="r-%d" % n)
        scheduler.add_request(SimpleNamespace(request_id="r-%d" % n, prompt_token_ids=[1] * 512))
    while scheduler.waiting or scheduler.running:
        scheduler.update_from_output(scheduler.schedule(), None)


if __name__ == "__main__":
    main()
