"""Where Windows keeps what belongs to the machine, asked of Windows.

Not of %PROGRAMDATA%: whoever starts a program chooses its environment, and would choose with it whose configuration an
administrator's command reads and closes.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    import uuid
    from pathlib import Path
    from typing import Final

    from agent.errors import ConfigurationError

    _PROGRAM_DATA: Final = uuid.UUID("62AB5D82-FDC1-4DC3-A9DD-070D1D495D97")  # FOLDERID_ProgramData

    def program_data() -> Path:
        r"""`C:\ProgramData` on most machines. Raises ConfigurationError."""
        found = ctypes.c_void_p()
        fault = ctypes.windll.shell32.SHGetKnownFolderPath(
            ctypes.c_char_p(_PROGRAM_DATA.bytes_le), 0, None, ctypes.byref(found)
        )
        try:
            if fault or not found.value:
                raise ConfigurationError(
                    f"Windows does not say where it keeps what belongs to its programs (fault {fault})",
                    where="FOLDERID_ProgramData",
                    hint="Name the folder with --config, and the state in its agent.toml; see docs/install-windows.md.",
                )
            return Path(ctypes.wstring_at(found.value))
        finally:
            ctypes.windll.ole32.CoTaskMemFree(found)
