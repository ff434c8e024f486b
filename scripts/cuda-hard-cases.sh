#!/bin/sh
# What the CUDA library does where things go wrong, on a GPU host (scripts/gpu-host-carry.mjs):
#
#   host$ truejoule/scripts/cuda-hard-cases.sh OUT        some 2 minutes; one JSON and one text a case into OUT
#
# Needs python3 with PyTorch, a C compiler and CUDA's headers with CUPTI (CUDA_HOME, as for marks/cuda). Sets no
# clock, limit or mode. What must be seen is in docs/cuda.md, "On a real GPU".
set -u
cd "$(dirname "$0")/.."
out=$1
mkdir -p "$out" r
make -s -C marks/cuda || exit 1
load=scripts/cuda-hard-cases.py

run() { # NAME [record options] -- COMMAND…
  name=$1
  shift
  rm -rf "r/$name"
  timeout 90 ./truejoule record --rig virtual --out "r/$name" --cuda --no-fuse --json "$@" > "$out/$name.record.json" 2> "$out/$name.txt"
  echo "record: exit $?" >> "$out/$name.txt"
  ./truejoule compare "r/$name" --json > "$out/$name.compare.json" 2>> "$out/$name.txt"
  echo "compare: exit $?" >> "$out/$name.txt"
  echo "== $name" && cat "$out/$name.txt"
}

run plain -- python3 $load launches 3
run outlive --duration 6s -- python3 $load launches 16
run abrupt -- python3 $load abrupt 2
run reset -- python3 $load reset 3
run profiler -- python3 $load profiler
run subscriber -- python3 $load subscriber
run graphs -- python3 scripts/cuda-load.py count
run two -- sh -c "python3 $load launches 3 & python3 $load launches 3; wait"
# The same process id twice, as in two containers; where namespaces are allowed.
if unshare -pf true 2> /dev/null; then
  run same-pid -- sh -c "unshare -pf python3 $load launches 3 & unshare -pf python3 $load launches 3; wait"
fi
run none -- sleep 1
