#!/usr/bin/env bash
# Installs the servers and ODBC drivers that tests/integration and bench/ run against, from Debian's own packages.
# Safe to run again: what is there already is left alone. Where it cannot install (no apt, no root, no network) it
# says so and ends with 0, and the tests that need the packages are skipped with that reason.
set -u
cd "$(dirname "$0")/.." || exit 1

packages=(
  unixodbc odbcinst odbc-postgresql odbc-mariadb libsqliteodbc tdsodbc
  postgresql postgresql-client mariadb-server mariadb-client
  nats-server haproxy
  chromium fonts-dejavu-core
  lintian rpm wixl msitools
)
# `debian-packages.sh windows` and `machine`: also what `make windows` and `make service-cycle` run on.
[ "${1:-}" != windows ] || packages+=(wine wine64 gcc-mingw-w64-x86-64-win32)
[ "${1:-}" != machine ] || packages+=(debootstrap systemd-container buildah gpg)
# tests/conftest.py reads this: after "installed", CI fails where it would otherwise skip.
state=build/debian-packages.state
mkdir -p build
rm -f "$state"

give_up() {
  echo "debian packages: $1; the tests that need them are skipped"
  exit 0
}

is_installed() {
  [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$1" 2>/dev/null)" = "ii " ]
}

missing_packages() {
  for package in "${packages[@]}"; do
    is_installed "$package" || echo "$package"
  done
}

command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || give_up "this is not a Debian system"

mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -eq 0 ]; then
  echo "debian packages: all ${#packages[@]} are there"
  echo installed >"$state"
  exit 0
fi

if [ "$(id -u)" -eq 0 ]; then
  as_root=(env)
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo -n env)
else
  give_up "neither root nor sudo without a password, so these stay missing: ${missing[*]}"
fi

echo "debian packages: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt=("${as_root[@]}" DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq)

if ! { "${apt[@]}" update && "${apt[@]}" install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 20 "$log"
  give_up "apt could not install ${missing[*]}"
fi

mapfile -t missing < <(missing_packages)
[ "${#missing[@]}" -eq 0 ] || give_up "still missing after the installation: ${missing[*]}"
echo "debian packages: installed"
echo installed >"$state"
