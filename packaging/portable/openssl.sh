# In the root of Debian 11: OpenSSL's two libraries, into /opt/python. Its programs and further providers nothing here uses.
# It looks for the authorities and for its configuration where Debian and RHEL have them.
set -eu
cd /src/openssl-3*/
./Configure linux-x86_64 --prefix=/opt/python --libdir=lib --openssldir=/etc/ssl shared no-tests
make build_generated
make -j"$(nproc)" libcrypto.so libssl.so
mkdir -p /opt/python/lib /opt/python/include /usr/share/doc/libssl3
cp -Pf libcrypto.so* libssl.so* /opt/python/lib/
cp -r include/openssl /opt/python/include/
cp debian/copyright /usr/share/doc/libssl3/
