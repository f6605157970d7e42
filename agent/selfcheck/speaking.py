"""A TLS handshake with itself, in memory, and a description of a web service opened as a SOAP driver does."""

from __future__ import annotations

import datetime as dt
import ssl
import tempfile
from pathlib import Path
from typing import Final

import truststore
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree
from zeep import Client, Settings
from zeep.transports import Transport

from agent.clock import SystemClock
from agent.doctor.check import Check
from agent.selfcheck.words import plain

HOST: Final = "selfcheck.invalid"
ADDRESS: Final = f"https://{HOST}/service.wsdl"
ROUNDS: Final = 20  # a handshake takes three
WSDL: Final = """\
<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:selfcheck" targetNamespace="urn:selfcheck">
  <types><xsd:schema targetNamespace="urn:selfcheck" elementFormDefault="qualified">
    <xsd:element name="Read"><xsd:complexType><xsd:sequence>
      <xsd:element name="no" type="xsd:string"/></xsd:sequence></xsd:complexType></xsd:element>
    <xsd:element name="Read_Result"><xsd:complexType><xsd:sequence>
      <xsd:element name="amount" type="xsd:decimal"/></xsd:sequence></xsd:complexType></xsd:element>
  </xsd:schema></types>
  <message name="Read"><part name="parameters" element="t:Read"/></message>
  <message name="Read_Result"><part name="parameters" element="t:Read_Result"/></message>
  <portType name="Port"><operation name="Read">
    <input message="t:Read"/><output message="t:Read_Result"/></operation></portType>
  <binding name="Binding" type="t:Port">
    <soap:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/>
    <operation name="Read"><soap:operation soapAction="urn:selfcheck:read"/>
      <input><soap:body use="literal"/></input><output><soap:body use="literal"/></output></operation></binding>
  <service name="Service"><port name="Port" binding="t:Binding">
    <soap:address location="https://selfcheck.invalid/"/></port></service>
</definitions>
"""


def handshake() -> str:
    certificate, key = _certificate()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="groundwire-selfcheck-") as folder:
        both = Path(folder, "server.pem")
        both.touch(0o600)
        both.write_bytes(certificate + key)
        server.load_cert_chain(both)
    client = ssl.create_default_context(cadata=certificate.decode())
    truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the system's authorities can be asked
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(to_client, to_server, server_hostname=HOST)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    done = {one: False, other: False}
    for _ in range(ROUNDS):
        for side in (one, other):
            try:
                side.do_handshake()
                done[side] = True
            except ssl.SSLWantReadError:
                continue
        if all(done.values()):
            return f"{one.version()}, {ssl.OPENSSL_VERSION}"
    raise TimeoutError("the handshake does not come to an end")


def _certificate() -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = SystemClock().utcnow()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain_key = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return made.public_bytes(serialization.Encoding.PEM), plain_key


class _Nowhere(Transport):  # type: ignore[misc] # zeep has no types
    """Whatever it is asked for stands in this module."""

    def load(self, url: str) -> bytes:
        if url != ADDRESS:
            raise FileNotFoundError(url)
        return WSDL.encode()


def service() -> str:
    client = Client(ADDRESS, transport=_Nowhere(), settings=Settings(strict=True, forbid_external=True))
    message = etree.tostring(client.create_message(client.service, "Read", no="1"))
    if b">1</" not in message or b"urn:selfcheck" not in message:
        raise ValueError("the message has not what the description asks for")
    return f"a message of {len(message)} bytes"


TLS: Final[Check] = plain("tls", "TLS with itself", "No TLS connection can be made", handshake)
WSDL_CHECK: Final[Check] = plain(
    "wsdl", "description of a web service", "SOAP services cannot be read", service
)
