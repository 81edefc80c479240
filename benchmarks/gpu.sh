#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one go: tests, kernels, captured steps, the benchmark and the peers.
#
#     pip install -e '.[cuda13,test]'          (or cuda12; for the peers also PyTorch for CUDA)
#     bash benchmarks/gpu.sh [FOLDER]
#
# Takes less than eight minutes: whatever fails or takes longer than its share is noted, and the next one runs. What each
# part printed, results as JSON and plots lie in the folder (benchmarks/results/gpu) afterwards, to be committed;
# summary.txt says what passed.
set -u
cd "$(dirname "$0")/.."
out=${1:-benchmarks/results/gpu}
python=${PYTHON:-python}
mkdir -p "$out"
rm -rf "$out/bench" # which has to be empty
: >"$out/summary.txt"

part() { # NAME SECONDS COMMAND...: run it, keep what it prints, and note how it ended
    local name=$1 limit=$2 begun=$SECONDS
    shift 2
    printf '== %s\n' "$name"
    timeout --kill-after=5 "$limit" "$@" >"$out/$name.txt" 2>&1
    local code=$?
    case $code in 0) code=passed ;; 124 | 137) code="stopped after $limit s" ;; *) code="failed ($code)" ;; esac
    printf '%-16s %-22s %4d s\n' "$name" "$code" $((SECONDS - begun)) | tee -a "$out/summary.txt"
}

part info 30 "$python" -m minigan.cli info
part tests 170 "$python" -m pytest -q -m gpu tests/gpu
part bench 100 "$python" -m minigan.cli bench reference ring --device all --batch-sizes 1,32,128,512,2048,8192 --seconds 0.3 --out "$out/bench"
part peers 150 "$python" benchmarks/peers.py --device cuda --tf32 --works reference dcgan-64 --rounds 5 --out "$out/peers-cuda.json"
part program 30 "$python" benchmarks/program.py reference --device cuda

cat "$out/summary.txt"
