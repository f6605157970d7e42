# In the root of Debian 11: the sources of what is compiled there, and the headers of what these need.
# OpenSSL and CPython are Debian 12's, with its patches: Debian 11 has an older Python and OpenSSL 1.1.1.
# The mirror is the first argument.
set -eu
export DEBIAN_FRONTEND=noninteractive
cat >/etc/apt/sources.list <<END
deb $1 bullseye main
deb $1-security bullseye-security main
deb-src $1 bookworm main
END
rm -f /etc/apt/sources.list.d/*.list
apt-get update
apt-get -y upgrade
apt-get -y --no-install-recommends install gcc make perl patch dpkg-dev libc6-dev ca-certificates \
  libbz2-dev libexpat1-dev libffi-dev liblzma-dev libsqlite3-dev uuid-dev zlib1g-dev unixodbc
rm -rf /src
mkdir /src
cd /src
apt-get source openssl python3.11
