"""How a child is started: its command line and its environment. Both are visible to other users of the machine, so
neither ever holds an option or a secret; those go over stdin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from agent.own_processes import DRIVER_HOST, command_of, python_path

# What a child needs of the agent's environment, and nothing else: the agent's own may hold the secrets of `env:`.
_PASSED_ON: Final = frozenset(
    {
        "PATH",  # native libraries start helpers by name
        "HOME", "USER", "LOGNAME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",  # ~/.odbc.ini, ticket caches
        "LANG", "LANGUAGE", "TZ", "TZDIR", "NLS_LANG",  # how a client library converts text and local time
        "ODBCINI", "ODBCINSTINI", "ODBCSYSINI", "FREETDS", "FREETDSCONF", "TDSVER",  # where drivers are registered
        "TNS_ADMIN", "ORACLE_HOME", "DB2INSTANCE", "INFORMIXDIR",  # where a database's client is installed
        "SAPNWRFC_HOME", "SECUDIR", "SNC_LIB", "SNC_LIB_64",  # where SAP's library, its certificates and SNC lie
        "KRB5CCNAME", "KRB5_CONFIG", "KRB5_KTNAME", "KRB5_CLIENT_KTNAME",  # names of ticket files, for integrated sign-in
        "SSL_CERT_FILE", "SSL_CERT_DIR", "OPENSSL_CONF",  # the site's own certificate authority
        "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH",  # client libraries outside the system's folders
        "TMPDIR", "TEMP", "TMP",  # sorting and spooling
        "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT",  # sockets do not open on Windows without
        "PROGRAMFILES", "PROGRAMFILES(X86)", "COMMONPROGRAMFILES", "ALLUSERSPROFILE", "COMPUTERNAME",  # ODBC on Windows
    }
)  # fmt: skip
_PASSED_ON_PREFIXES: Final = ("LC_",)

# A child holds one or two pages and the driver's buffers; allocators tuned for throughput would triple that.
_LEAN: Final = {
    "ARROW_DEFAULT_MEMORY_POOL": "system",  # gives freed pages back at once
    "MALLOC_ARENA_MAX": "2",  # one arena per core holds memory that no thread uses any more
    "MALLOC_TRIM_THRESHOLD_": "1048576",
    "OPENBLAS_NUM_THREADS": "1",  # numpy comes with Arrow; its thread pool would never be used
    "OMP_NUM_THREADS": "1",
}


def child_command() -> tuple[str, ...]:
    return command_of(DRIVER_HOST)


def child_environment(parent: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in parent.items() if _is_passed_on(name)}
    return kept | _LEAN | python_path()


def _is_passed_on(name: str) -> bool:
    upper = name.upper()  # Windows keeps the spelling a variable was made with, and compares without case
    return upper in _PASSED_ON or upper.startswith(_PASSED_ON_PREFIXES)
