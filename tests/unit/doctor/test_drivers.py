"""What doctor says of ODBC drivers and SAP's library: real registrations, real libraries, broken in every way."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from agent.doctor import odbc, sap
from agent.doctor.libraries import kind_of, kind_of_this_process, loading_fails
from agent.findings import Level
from tests.premises import Premises

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="libraries of Unix")

GENUINE = Path(sys.executable).resolve()


@pytest.fixture
def site(tmp_path: Path) -> Premises:
    return Premises(tmp_path)


def connect(site: Premises, **connection: str) -> None:
    site.connect("erp", {"driver": "odbc", "options": {"connection": connection}})


def register(site: Premises, name: str, library: Path | str) -> None:
    with (site.root / "etc/odbcinst.ini").open("a") as file:
        file.write(f"[{name}]\nDriver = {library}\n\n")


def library(folder: Path, *, name: str = "driver", needs: str = "") -> Path:
    """A genuine shared library, made by the compiler of this host; with `needs` one that is linked to that one."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    source, made = folder / f"{name}.c", folder / f"lib{name}.so"
    source.write_text(f"int of_{name}(void) {{ return 0; }}\n")
    linked = ["-Wl,--no-as-needed", "-L", str(folder), f"-l{needs}"] if needs else []
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(made), str(source), *linked], check=True)
    return made


def elf(bits: int, machine: int) -> bytes:
    """The head of a library of another kind of machine."""
    return (
        b"\x7fELF"
        + bytes([2 if bits == 64 else 1, 1, 1])
        + bytes(9)
        + struct.pack("<HH", 3, machine)
        + bytes(44)
    )


class TestOdbc:
    async def test_no_connection_of_that_kind_needs_nothing(self, site: Premises) -> None:
        assert set(await site.ask(odbc.CHECK)) == {"odbc.ok"}

    async def test_a_driver_that_can_be_loaded_is_fine(self, site: Premises, tmp_path: Path) -> None:
        register(site, "Acme ODBC", library(tmp_path))
        connect(site, Driver="acme odbc")

        assert set(await site.ask(odbc.CHECK)) == {"odbc.ok"}

    async def test_no_driver_at_all(self, site: Premises) -> None:
        connect(site, Driver="PostgreSQL Unicode")

        assert await site.bad(odbc.CHECK) == {"odbc.no_drivers"}

    async def test_a_driver_that_is_not_registered_and_which_there_are(
        self, site: Premises, tmp_path: Path
    ) -> None:
        register(site, "PostgreSQL Unicode", library(tmp_path))
        connect(site, Driver="PostgreSQL Unicod")
        found = await site.ask(odbc.CHECK)

        assert "has: PostgreSQL Unicode" in found["odbc.not_installed"].evidence
        assert found["odbc.not_installed"].next_step == (
            'Write Driver = "PostgreSQL Unicode", or install PostgreSQL Unicod.'
        )

    async def test_a_library_that_is_not_there(self, site: Premises, tmp_path: Path) -> None:
        register(site, "Acme", tmp_path / "gone.so")
        connect(site, Driver="Acme")
        found = await site.ask(odbc.CHECK)

        assert "gone.so" in found["odbc.no_library"].evidence

    @pytest.mark.parametrize(
        ("bits", "machine", "words"), [(32, 3, "32 bits, x86"), (64, 21, "64 bits, ppc64")]
    )
    async def test_a_library_of_another_machine(
        self, site: Premises, tmp_path: Path, bits: int, machine: int, words: str
    ) -> None:
        (tmp_path / "other.so").write_bytes(elf(bits, machine))
        register(site, "Acme", tmp_path / "other.so")
        connect(site, Driver="Acme")
        found = await site.ask(odbc.CHECK)

        assert found["odbc.bits"].cause == f"the library of Acme is for {words}"
        assert f"this process is {kind_of_this_process()}" in found["odbc.bits"].evidence

    async def test_a_library_that_needs_another_one_which_is_gone(
        self, site: Premises, tmp_path: Path
    ) -> None:
        other = library(tmp_path, name="groundwire_other")
        register(site, "Acme", library(tmp_path, needs="groundwire_other"))
        other.unlink()
        connect(site, Driver="Acme")
        found = await site.ask(odbc.CHECK)

        assert "libgroundwire_other.so: cannot open shared object file" in found["odbc.broken"].evidence

    async def test_a_file_that_is_no_library(self, site: Premises, tmp_path: Path) -> None:
        (tmp_path / "text.so").write_text("INPUT(nothing)")
        register(site, "Acme", tmp_path / "text.so")
        connect(site, Driver="Acme")
        found = await site.ask(odbc.CHECK)

        assert (
            "invalid ELF header" in found["odbc.broken"].evidence
            or "too short" in found["odbc.broken"].evidence
        )

    async def test_a_missing_driver_manager(self, site: Premises, tmp_path: Path) -> None:
        """As where the driver manager is a library that cannot be loaded."""
        connect(site, Driver="Acme")
        register(site, "Acme", library(tmp_path))
        found = await site.ask(odbc.with_manager("library", "libodbc-of-nobody.so.2"))

        assert "libodbc-of-nobody.so.2: cannot open shared object file" in found["odbc.no_manager"].evidence

    async def test_a_data_source_that_is_not_defined(self, site: Premises) -> None:
        register(site, "Acme", "x.so")
        connect(site, DSN="plant")
        missing = await site.bad(odbc.CHECK)
        (site.root / "etc/odbc.ini").write_text("[Plant]\nDriver = Acme\n")

        assert missing == {"odbc.no_dsn"}
        assert await site.bad(odbc.CHECK) == set()

    async def test_the_places_that_the_environment_names_count(self, site: Premises, tmp_path: Path) -> None:
        (tmp_path / "ini").mkdir()
        (tmp_path / "ini/odbcinst.ini").write_text(f"[Acme]\nDriver = {library(tmp_path)}\n")
        site.environ["ODBCSYSINI"] = str(tmp_path / "ini")
        connect(site, Driver="Acme")

        assert await site.bad(odbc.CHECK) == set()


class TestSap:
    def connect(self, site: Premises, **options: str) -> None:
        document = {"driver": "rfc", "options": {"host": "sap.example", "client": "100", **options}}
        site.connect("sap", document)

    async def test_no_connection_of_that_kind_needs_nothing(self, site: Premises) -> None:
        assert set(await site.ask(sap.CHECK)) == {"sap.ok"}

    async def test_a_library_that_is_asked_for_and_not_there(self, site: Premises) -> None:
        self.connect(site, way="sdk")
        found = await site.ask(sap.CHECK)

        assert found["sap.no_sdk"].evidence == "SAPNWRFC_HOME is not set"

    async def test_where_another_way_will_do_it_is_worth_knowing(self, site: Premises) -> None:
        self.connect(site)

        assert (await site.ask(sap.CHECK))["sap.other_way"].level is Level.NOTICE

    async def test_one_of_another_machine(self, site: Premises, tmp_path: Path) -> None:
        (tmp_path / "lib").mkdir()
        (tmp_path / "lib/libsapnwrfc.so").write_bytes(elf(32, 3))
        site.environ["SAPNWRFC_HOME"] = str(tmp_path)
        self.connect(site)

        assert await site.bad(sap.CHECK) == {"sap.bits"}

    async def test_one_that_cannot_be_loaded(self, site: Premises, tmp_path: Path) -> None:
        (tmp_path / "lib").mkdir()
        shutil.copy(library(tmp_path), tmp_path / "lib/libsapnwrfc.so")
        site.environ["SAPNWRFC_HOME"] = str(tmp_path)
        self.connect(site, way="sdk")

        assert await site.bad(sap.CHECK) == {"sap.broken"}

    async def test_soap_alone_needs_no_library(self, site: Premises) -> None:
        self.connect(site, way="soap")

        assert set(await site.ask(sap.CHECK)) == {"sap.ok"}


def test_a_library_that_ends_the_process_ends_another_one(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    (tmp_path / "x.c").write_text(
        "#include <stdlib.h>\n__attribute__((constructor)) static void f(void) { abort(); }\n"
    )
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", str(tmp_path / "x.so"), str(tmp_path / "x.c")], check=True
    )

    assert loading_fails(str(tmp_path / "x.so"), {}) == "loading it ended the process with signal 6"


def test_the_kind_of_this_python_is_that_of_its_own_program() -> None:
    assert kind_of(GENUINE) == kind_of_this_process()
