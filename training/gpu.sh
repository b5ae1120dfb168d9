#!/usr/bin/env bash
# Train on a borrowed CUDA machine without network, from the parts of a kit (training/GPU.md).
#
#     gpu.sh train [SECONDS]   open the parts beside this script, check, train, export: all within SECONDS (570)
#     gpu.sh start [SECONDS]   the same, but return as soon as it trains; it goes on by itself
#     gpu.sh add               open the parts beside this script; a training that runs uses them
#     gpu.sh wait [SECONDS]    fetch the results every 20 seconds until the training is over (or SECONDS are)
#
# KIT is where the kit is opened (/tmp/riffbot-kit), OUT where results are fetched from (./out),
# PYTHON the interpreter that has PyTorch (python3). What follows `--` are options of
# training.denoiser, for example `-- --lr 1e-3`. BAND are options of training.kit.band, RENDER=no
# renders nothing, MARGIN are the seconds kept for the end (25, of which a GPU needs a few). Exit status: 0 all went well; 1 something did not (the last lines say what).
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
KIT=${KIT:-/tmp/riffbot-kit}
OUT=${OUT:-$PWD/out}
PYTHON=${PYTHON:-python3}
verb=${1:-train}
shift || true
seconds=570
if [[ ${1:-} =~ ^[0-9]+$ ]]; then
  seconds=$1
  shift
fi
[[ ${1:-} != -- ]] || shift
began=$(date +%s)
mkdir -p "$KIT" "$OUT"

add() {
  local parts=("$here"/*.tar)
  [[ -e ${parts[0]} ]] || { echo "There is no part of a kit beside $0."; exit 1; }
  "$PYTHON" "$here/open_parts.py" "$KIT" "${parts[@]}" | tee -a "$KIT/stages.jsonl"
}

begin() {
  [[ -d $KIT/code ]] || { echo "The first part is missing: it has the code."; exit 1; }
  rm -f "$KIT/done"
  export PYTHONPATH="$KIT/code:$KIT/site${PYTHONPATH:+:$PYTHONPATH}"
  local render=()
  [[ ${RENDER:-yes} == yes ]] || render=(--no-render)
  (cd "$KIT/code" && setsid nohup "$PYTHON" -m training.kit.session --kit "$KIT" \
    --ends-at $((began + seconds)) "${render[@]}" --band="${BAND:-}" --margin "${MARGIN:-25}" -- "$@" \
    >>"$KIT/session.out" 2>&1 </dev/null &)
}

fetch() {
  for name in "$KIT"/results/*; do
    [[ $name == *.draft ]] || cp -f "$name" "$OUT/" 2>/dev/null || true
  done
}

wait_for_end() {
  local last=$((began + seconds)) turn=0
  while [[ ! -e $KIT/done && $(date +%s) -lt $last ]]; do
    sleep 1
    turn=$((turn + 1))
    ((turn % 20)) || fetch
  done
  fetch
  tail -n 40 "$KIT/stages.jsonl"
  if [[ ! -e $KIT/done ]]; then
    echo "The training goes on: gpu.sh wait"
    return 0
  fi
  return "$(cat "$KIT/done")"
}

wait_until_training() {
  while [[ ! -e $KIT/done && ! -e $KIT/run/denoiser.jsonl && ! -e $KIT/run/denoiser.pt ]]; do
    [[ $(date +%s) -lt $((began + 150)) ]] || break
    sleep 1
  done
  tail -n 40 "$KIT/stages.jsonl"
  [[ ! -e $KIT/done ]] || return "$(cat "$KIT/done")"
}

case $verb in
  add) add ;;
  train) add || echo "Going on with what could be opened."; begin "$@"; wait_for_end ;;
  start) add || echo "Going on with what could be opened."; begin "$@"; wait_until_training ;;
  wait) wait_for_end ;;
  *) echo "gpu.sh train | start | add | wait, not $verb"; exit 1 ;;
esac
