from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from cryptography import x509

from agent.errors import ConfigurationError
from relay.settings import Tls
from relay.tls import make_certificates, server_context
from tests.unit.relay.making import NOW


def test_the_certificate_names_every_host_and_the_key_is_private(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, ["relay.example", "127.0.0.1"], NOW)

    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["relay.example"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert files.key.stat().st_mode & 0o777 == 0o600
    assert (
        server_context(Tls(certificate=files.certificate, key=files.key)).minimum_version
        >= ssl.TLSVersion.TLSv1_2
    )


def test_the_ca_signs_the_server_and_its_key_is_nowhere(tmp_path: Path) -> None:
    files = make_certificates(tmp_path, ["relay.example"], NOW)
    ca = x509.load_pem_x509_certificate(files.ca.read_bytes())

    x509.load_pem_x509_certificate(files.certificate.read_bytes()).verify_directly_issued_by(ca)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ca.pem", "server.key", "server.pem"]


def test_a_missing_certificate_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        server_context(Tls(certificate=tmp_path / "none.pem", key=tmp_path / "none.key"))
