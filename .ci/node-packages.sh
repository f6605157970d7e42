#!/usr/bin/env bash
# Installs the servers of tests/peers, written by others, into build/peers from their lock file. Safe to run again. Where
# it cannot (no npm, no network) it says so and ends with 0, and the tests that need them are skipped with that reason.
set -u
cd "$(dirname "$0")/.." || exit 1

give_up() {
  echo "node packages: $1; the tests that need them are skipped"
  exit 0
}

command -v node >/dev/null && command -v npm >/dev/null || give_up "no node and npm here"
mkdir -p build/peers
if cmp -s tests/peers/package-lock.json build/peers/installed.json; then
  echo "node packages: all are there"
  exit 0
fi
cp tests/peers/package.json tests/peers/package-lock.json build/peers/
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! npm ci --prefix build/peers --ignore-scripts --no-audit --no-fund >"$log" 2>&1; then
  tail -n 20 "$log"
  give_up "npm could not install them"
fi
cp tests/peers/package-lock.json build/peers/installed.json
echo "node packages: installed"
