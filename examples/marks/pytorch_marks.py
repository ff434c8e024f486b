"""Prefill and decode of a toy model as GEMMs, marked stage by stage, at several batch sizes.

Enough work to see on a power trace, no weights to download. On a GPU each span synchronises before it
ends: a launch returns long before the work is done, and the span must hold the work.
"""

import time

try:
    import truejoule as tj
except ImportError:  # not installed: take the client of this checkout
    import _checkout  # noqa: F401
    import truejoule as tj

try:
    import torch
except ImportError:
    torch = None

WIDTH, PROMPT_TOKENS, NEW_TOKENS = 4096, 512, 32
BATCHES = (1, 8, 32)


class TorchModel:
    """One square weight matrix; a pass is 64 products with it."""

    def __init__(self) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = torch.bfloat16 if self.device == "cuda" else torch.float32
        self.width = WIDTH if self.device == "cuda" else 256
        self.weight = torch.randn(self.width, self.width, device=self.device, dtype=dtype)
        self.weight /= self.width**0.5

    def forward(self, rows: int) -> None:
        x = torch.randn(rows, self.width, device=self.device, dtype=self.weight.dtype)
        for _ in range(64):
            x = x @ self.weight
        if self.device == "cuda":
            torch.cuda.synchronize()


class StandIn:
    """Takes time in proportion to the rows, as a pass would."""

    def forward(self, rows: int) -> None:
        time.sleep(2e-5 * rows**0.5)


def serve(model, request: str, batch: int) -> None:
    tj.mark("server_recv", request=request)
    tj.mark("enqueue", request=request)
    tj.mark("dequeue", request=request)
    tj.mark("prefill_start", request=request, batch_size=batch, prompt_tokens=PROMPT_TOKENS)
    with tj.span("prefill", request=request, batch_size=batch, tokens=batch * PROMPT_TOKENS):
        model.forward(batch * PROMPT_TOKENS)
    tj.mark("first_token", request=request)
    tj.mark("decode_loop_start", request=request, batch_size=batch)
    with tj.span("decode", request=request, batch_size=batch) as decode:
        for _ in range(NEW_TOKENS):
            model.forward(batch)
        decode.add(tokens=batch * NEW_TOKENS)
    with tj.span("safety", request=request, hop="none"):
        pass  # a filter or tool call would stand here


def main() -> None:
    model = TorchModel() if torch else StandIn()
    print("torch on %s" % model.device if torch else "no torch here: a stand-in takes the time")
    model.forward(1)  # warm up outside the marks
    for n, batch in enumerate(BATCHES):
        serve(model, "r-%d" % n, batch)
    print("marks were recorded" if tj.recording() else "not recording: the marks went nowhere")


if __name__ == "__main__":
    main()
