"""Attention of one transformer layer, prefill and decode, in marked spans with NVTX ranges inside.

    truejoule record --rig bench.yaml --out runs/attention --cuda -- python examples/pytorch/attention.py

Prefill: all tokens attend at once. Decode: one token at a time attends to a growing cache. Random
weights: what costs energy here is the shape of the work, not what it computes.
"""

import argparse
import time

import torch
from _marks import span
from torch.nn import functional

HEADS, WIDTH = 32, 4096


class Attention(torch.nn.Module):
    """Projections in and out around scaled dot-product attention, with a cache of keys and values."""

    def __init__(self):
        super().__init__()
        self.qkv = torch.nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = torch.nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x, cache=None):
        """x: (batch, tokens, WIDTH). Returns the same shape and the cache with these tokens."""
        batch, tokens, _ = x.shape
        q, k, v = (
            part.view(batch, tokens, HEADS, -1).transpose(1, 2)
            for part in self.qkv(x).chunk(3, dim=-1)
        )
        if cache is not None:
            k, v = torch.cat([cache[0], k], dim=2), torch.cat([cache[1], v], dim=2)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=cache is None)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, WIDTH)), (k, v)


@torch.inference_mode()
def serve(layer, batch, prompt, new):
    x = torch.randn(batch, prompt, WIDTH, device="cuda", dtype=torch.bfloat16)
    with span("prefill", batch_size=batch, tokens=batch * prompt):
        with torch.cuda.nvtx.range(f"prefill {batch}x{prompt}"):
            y, cache = layer(x)
        torch.cuda.synchronize()
    with span("decode", batch_size=batch, tokens=batch * new):
        with torch.cuda.nvtx.range(f"decode {batch}x{new}"):
            for _ in range(new):
                y, cache = layer(y[:, -1:], cache)
        torch.cuda.synchronize()


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    arguments.add_argument("--prompt", type=int, default=512)
    arguments.add_argument("--new", type=int, default=64)
    arguments.add_argument("--repeats", type=int, default=5)
    given = arguments.parse_args()
    layer = Attention().to("cuda", torch.bfloat16).eval()
    for batch in given.batches:
        for repeat in range(given.repeats + 1):  # the first loads kernels; drop it when comparing
            serve(layer, batch, given.prompt, given.new)
            time.sleep(0.2)
        print(f"batch {batch}: {given.repeats} times {given.prompt} + {given.new} tokens each")


if __name__ == "__main__":
    main()
