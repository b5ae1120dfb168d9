#!/usr/bin/env bash
# Install the system packages that some tests use: a browser, a synthesiser with a SoundFont and
# PostgreSQL. Without them those tests are skipped, and everything else passes.
#
#     scripts/install-test-packages.sh [--simulate]     (--simulate only says what would be installed)
#
# Exit status: 0 they are there; 3 they cannot be installed here, for want of root or apt.
set -euo pipefail

PACKAGES=(chromium libfluidsynth3 fluidr3mono-gm-soundfont postgresql prometheus)
SERVICES=/usr/sbin/policy-rc.d
NOT_HERE=3

installed() {
  [[ $(dpkg-query --show --showformat '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  echo "There is no apt here: install by hand what Debian calls ${PACKAGES[*]}."
  exit "$NOT_HERE"
fi
missing=()
for package in "${PACKAGES[@]}"; do
  installed "$package" || missing+=("$package")
done
if [[ ${#missing[@]} -eq 0 ]]; then
  echo "All packages that the tests use are installed: ${PACKAGES[*]}."
  exit 0
fi
if [[ ${1:-} == --simulate ]]; then
  echo "To be installed: ${missing[*]}."
  exit 0
fi
if [[ $(id -u) -ne 0 ]]; then
  echo "Installing needs root: run \`sudo apt-get install ${missing[*]}\`."
  exit "$NOT_HERE"
fi

echo "Installing ${missing[*]}."
# The tests start a database server of their own: the package's must not start beside it.
if [[ ! -e $SERVICES ]]; then
  printf '#!/bin/sh\nexit 101\n' >"$SERVICES"
  chmod 755 "$SERVICES"
  trap 'rm -f "$SERVICES"' EXIT
fi
export DEBIAN_FRONTEND=noninteractive
apt=(apt-get --quiet --quiet --yes --option Acquire::Retries=3 --option Dpkg::Use-Pty=0)
"${apt[@]}" update
"${apt[@]}" install --no-install-recommends "${missing[@]}"
