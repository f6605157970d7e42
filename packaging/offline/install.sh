#!/bin/sh
# Installs Groundwire from the folder that this file is in, without a network: docs/install-offline.md.
# First it checks the owner's signature and the hash of every file; until that is done it changes nothing.
set -eu
LC_ALL=C
export LC_ALL
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

usage() {
  cat <<'END'
Usage: ./install.sh [agent | relay | both] --key FILE
       ./install.sh [agent | relay | both] --unsigned
       ./install.sh --check --key FILE

  agent         what is installed unless something else is said
  --key FILE    the owner's public key, from a source that you trust: groundwire-release.gpg, for gpgv, gpg or
                sqv; or groundwire.pub, for minisign or OpenSSL 3. Never one that came with these files.
  --unsigned    of a build that nobody signed: hashes alone are checked
  --check       check, and install nothing
END
}

stop() {
  echo "install.sh: $1" >&2
  [ -z "${2:-}" ] || echo "  What to do: $2" >&2
  exit 1
}

has() {
  command -v "$1" >/dev/null 2>&1
}

what=agent
key=
unsigned=no
only_check=no
while [ $# -gt 0 ]; do
  case "$1" in
    agent | relay | both) what=$1 ;;
    --key)
      [ $# -gt 1 ] || stop "--key names no file" "see ./install.sh --help"
      key=$2
      shift
      ;;
    --unsigned) unsigned=yes ;;
    --check) only_check=yes ;;
    -h | --help)
      usage
      exit 0
      ;;
    *) stop "$1 is no option" "see ./install.sh --help" ;;
  esac
  shift
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

refused() {
  stop "SHA256SUMS is not what the owner of $key signed: $(tail -n 1 "$work/said")" \
    "Install nothing of it. Fetch the archive anew, from where its owner publishes it."
}

needs_signature() {
  [ -f "$here/$1" ] || stop "$1 is missing" "fetch the whole archive anew; a build that nobody signed needs --unsigned"
}

# OpenPGP: gpgv is on every Debian with apt and every RHEL with dnf.
by_openpgp() {
  needs_signature SHA256SUMS.asc
  if has gpgv; then
    gpgv --quiet --keyring "$key" "$here/SHA256SUMS.asc" "$here/SHA256SUMS" >"$work/said" 2>&1 || refused
  elif has sqv; then
    sqv --keyring "$key" "$here/SHA256SUMS.asc" "$here/SHA256SUMS" >"$work/said" 2>&1 || refused
  elif has gpg; then
    mkdir -m 700 "$work/gpg"
    gpg --homedir "$work/gpg" --batch --quiet --no-default-keyring --keyring "$key" \
      --verify "$here/SHA256SUMS.asc" "$here/SHA256SUMS" >"$work/said" 2>&1 || refused
  else
    stop "there is no gpgv, sqv or gpg here" "install one of them, or name the minisign key with --key"
  fi
}

# minisign: Ed25519 over the file's BLAKE2b-512.
by_minisign() {
  needs_signature SHA256SUMS.minisig
  if has minisign; then
    minisign -Vq -p "$key" -m "$here/SHA256SUMS" >"$work/said" 2>&1 || refused
  elif has openssl && openssl pkeyutl -help 2>&1 | grep -q rawin; then
    by_openssl >"$work/said" 2>&1 || refused
  else
    stop "there is neither minisign nor OpenSSL 3 here" "name the OpenPGP key with --key"
  fi
}

by_openssl() {
  sed -n '$p' "$key" | base64 -d >"$work/key"
  sed -n 2p "$here/SHA256SUMS.minisig" | base64 -d >"$work/signature"
  [ "$(head -c 2 "$work/key")" = Ed ] && [ "$(head -c 2 "$work/signature")" = ED ] || return 1
  [ "$(wc -c <"$work/key")" -eq 42 ] && [ "$(wc -c <"$work/signature")" -eq 74 ] || return 1
  # The beginning of every Ed25519 key as OpenSSL reads one.
  { printf '\060\052\060\005\006\003\053\145\160\003\041\000' && tail -c 32 "$work/key"; } >"$work/key.der"
  tail -c 64 "$work/signature" >"$work/signature.raw"
  openssl dgst -blake2b512 -binary "$here/SHA256SUMS" >"$work/hash"
  openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key.der" -rawin -in "$work/hash" \
    -sigfile "$work/signature.raw"
}

check_signature() {
  if [ -n "$key" ]; then
    [ "$unsigned" = no ] || stop "--key and --unsigned exclude each other"
    [ -r "$key" ] || stop "$key cannot be read"
    # gpgv looks for a name without a slash among its own key rings.
    case "$key" in */*) ;; *) key=./$key ;; esac
    case "$(head -c 17 "$key" | tr -d '\000')" in
      "untrusted comment"*) by_minisign ;;
      "-----BEGIN PGP"*) stop "$key is armoured text" "gpg --dearmor writes it as gpgv reads it" ;;
      *) by_openpgp ;;
    esac
    echo "Signed by the owner of $key."
  elif [ "$unsigned" = yes ]; then
    if [ -f "$here/SHA256SUMS.asc" ] || [ -f "$here/SHA256SUMS.minisig" ]; then
      stop "this release is signed" "name the owner's public key with --key"
    fi
    echo "Nobody signed this build: only that its files belong together can be checked."
  else
    stop "whose signature is to be on it?" \
      "name the owner's public key with --key FILE; of a build that nobody signed say --unsigned"
  fi
}

check_files() {
  (cd "$here" && sha256sum --check --strict --quiet SHA256SUMS) >"$work/said" 2>&1 ||
    stop "a file is not the one of the list: $(head -n 1 "$work/said")" "Install nothing of it. Fetch the archive anew."
  # What is not on the list was not checked, and could be installed by mistake.
  (cd "$here" && find . ! -type d ! -path './SHA256SUMS*' | sed 's,^\./,,' | sort) >"$work/there"
  cut -c 67- "$here/SHA256SUMS" | sort >"$work/listed"
  others=$(comm -23 "$work/there" "$work/listed")
  [ -z "$others" ] || stop "not of this release: $others" "Take it out of the folder, or unpack the archive anew."
  [ -z "$(find "$here" -type l)" ] || stop "there are links in the folder" "Unpack the archive anew."
  echo "Every file is as it was released."
}

[ -f "$here/SHA256SUMS" ] || stop "SHA256SUMS is missing" "unpack the whole archive"
check_signature
check_files
[ "$only_check" = no ] || exit 0

[ "$(id -u)" -eq 0 ] || stop "only root installs" "sudo $0 ..."
case "$what" in
  agent) names=groundwire ;;
  relay) names=groundwire-relay ;;
  both) names="groundwire groundwire-relay" ;;
esac

if has dpkg && has apt-get; then
  set --
  for name in $names; do
    for file in "$here/packages/${name}"_*.deb; do set -- "$@" "$file"; done
  done
  dpkg --install "$@" || stop "dpkg could not install the packages; what is missing stands above" \
    "install that from your own mirror or medium, then run this again"
elif has rpm; then
  set --
  for name in $names; do
    for file in "$here/packages/${name}"-[0-9]*.rpm; do set -- "$@" "$file"; done
  done
  rpm --upgrade --replacepkgs "$@" || stop "rpm could not install the packages; what is missing stands above" \
    "install that from your own mirror or medium, then run this again"
else
  stop "there is neither dpkg nor rpm here" "packages are all that there is for Linux"
fi

for name in $names; do
  echo "Installed: $name"
done
if [ "$what" != relay ] && ! ldconfig -p 2>/dev/null | grep -q 'libodbc\.so\.2 '; then
  echo "For connections over ODBC, and for nothing else, unixODBC is missing: libodbc2 (Debian 11: libodbc1) or"
  echo "unixODBC (RHEL), from the system's own medium or mirror, beside the database's driver."
fi
