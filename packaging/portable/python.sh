# In the root of Debian 11: CPython with that OpenSSL, into /opt/python.
set -eu
cd /src/python3.11-3*/
# Debian's patch of this module wants what the interpreter's own parts get; Debian builds it into the interpreter.
sed -i "s/Extension('pyexpat', sources=\['pyexpat.c'\])/Extension('pyexpat', sources=['pyexpat.c'], extra_compile_args=['-DPy_BUILD_CORE_MODULE'])/" setup.py
./configure --prefix=/opt/python --enable-shared --without-ensurepip --disable-test-modules \
  --with-system-expat --with-openssl=/opt/python --with-openssl-rpath=auto \
  CFLAGS=-fno-semantic-interposition LDFLAGS="-fno-semantic-interposition -Wl,-rpath,/opt/python/lib"
make -j"$(nproc)"
rm -f /opt/python/lib/python3.11/_sysconfigdata*  # a link that is there already ends it
make install
# What the build could not make, it leaves out without a word that anybody reads.
/opt/python/bin/python3 -c "import bz2, ctypes, lzma, sqlite3, ssl, uuid, xml.etree.ElementTree, zlib; print(ssl.OPENSSL_VERSION)"
