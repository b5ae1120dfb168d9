#!/usr/bin/env bash
# Install what the renderer plays with (Debian 12): the synthesiser, two SoundFonts as recorded,
# recorded guitar strums and drums. Some 740 MB are downloaded, 1.2 GB of disk used.
#
#     training/install_sources.sh [--simulate]     (--simulate only says what would be installed)
#
# The renderer needs the first two; without the others it plays their parts by SoundFont or
# synthesis. training/SOURCES.md has the licences. Exit status: 0 they are there; 3 they cannot be
# installed here, for want of root or apt.
set -euo pipefail

PACKAGES=(
  libfluidsynth3=2.3.1-2
  fluid-soundfont-gm=3.1-5.3
  musescore-general-soundfont-lossless=0.2.1-1
  hydrogen-drumkits=2017.09.19~dfsg-1
  hydrogen-drumkits-effects=2017.09.19~dfsg-1
  sonic-pi-samples=3.2.2~repack-8
)
NOT_HERE=3

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "There is no apt here: install by hand what Debian calls ${PACKAGES[*]%%=*}."
  exit "$NOT_HERE"
fi
missing=()
for package in "${PACKAGES[@]}"; do
  state=$(dpkg-query --show --showformat '${db:Status-Status}' "${package%%=*}" 2>/dev/null || true)
  [[ $state == installed ]] || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "Everything that the renderer plays with is installed."
  exit 0
fi
echo "To be installed: ${missing[*]}."
if [[ ${1:-} == --simulate ]]; then
  exit 0
fi
if [[ $(id -u) -ne 0 ]]; then
  echo "Installing needs root: run \`sudo training/install_sources.sh\`."
  exit "$NOT_HERE"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get --quiet --quiet update
apt-get --quiet --quiet --yes install --no-install-recommends "${missing[@]}"
