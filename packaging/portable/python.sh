# In the root of Debian 11: CPython with that OpenSSL, into /opt/python.
set -eu
cd /src/python3.11-3*/
./configure --prefix=/opt/python --enable-shared --without-ensurepip --disable-test-modules \
  --with-system-expat --with-openssl=/opt/python --with-openssl-rpath=auto \
  CFLAGS=-fno-semantic-interposition LDFLAGS="-fno-semantic-interposition -Wl,-rpath,/opt/python/lib"
make -j"$(nproc)"
make install
# What the build could not make, it leaves out without a word that anybody reads.
/opt/python/bin/python3 -c "import bz2, ctypes, lzma, sqlite3, ssl, uuid, zlib, pyexpat; print(ssl.OPENSSL_VERSION)"
