#!/bin/sh
# Everything that docs/evidence/cuda-h100.md rests on, in one go, on a GPU host (scripts/gpu-host-carry.mjs):
#
#   host$ truejoule/scripts/cuda-evidence.sh OUT        some 3 minutes; JSON and compressed logs into OUT
#
# Needs python3 with PyTorch, a C compiler and CUDA's headers with CUPTI. Sets no clock, limit or mode.
set -u
cd "$(dirname "$0")/.."
out=$1
mkdir -p "$out"
make -s -C marks/cuda || exit 1

run() { # NAME COMMAND…: records it, keeps the evidence and the log
  name=$1
  shift
  ./truejoule record --rig virtual --out "r/$name" --cuda --json --no-fuse -- "$@" > "$out/$name.record.json" 2> "$out/$name.err"
  ./node scripts/cuda-evidence.mjs "r/$name" > "$out/$name.json" 2>> "$out/$name.err"
  tail -n 3 "$out/$name.err"
}

run count python3 scripts/cuda-load.py count
run gemm python3 examples/pytorch/gemm.py --seconds 0.5
run attention python3 examples/pytorch/attention.py --repeats 2

# Host time a PyTorch call: nothing recorded, all, all without the edge worker; interleaved, three repeats.
for i in 1 2 3; do
  python3 scripts/cuda-load.py cost | sed 's/^/nothing /'
  ./truejoule record --rig virtual --out "r/cost$i" --cuda --no-fuse --quiet -- python3 scripts/cuda-load.py cost | grep '^{' | sed 's/^/all /'
  ./truejoule record --rig virtual --out "r/bare$i" --cuda --no-fuse --no-trigger --quiet -- python3 scripts/cuda-load.py cost | grep '^{' | sed 's/^/no-trigger /'
done > "$out/cost.txt"
cat "$out/cost.txt"
