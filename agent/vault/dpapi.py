"""The key of the vault under Windows: the data protection of the machine (DPAPI, LOCAL_MACHINE).

Whatever runs on the machine can ask Windows to unprotect; the random entropy beside the vault, in a folder closed to
others, is what keeps it from them.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Final

UI_FORBIDDEN: Final = 0x1
LOCAL_MACHINE: Final = 0x4


class DpapiRefused(Exception):
    """Windows could not protect or unprotect: another machine, other entropy, or a damaged blob."""


class _Blob(ctypes.Structure):
    _fields_ = (("size", ctypes.c_uint32), ("data", ctypes.POINTER(ctypes.c_char)))

    @classmethod
    def of(cls, content: bytes) -> _Blob:
        buffer = ctypes.create_string_buffer(content, len(content))
        return cls(len(content), ctypes.cast(buffer, ctypes.POINTER(ctypes.c_char)))


def protect(content: bytes, entropy: bytes) -> bytes:
    return _call("CryptProtectData", content, entropy)


def unprotect(content: bytes, entropy: bytes) -> bytes:
    return _call("CryptUnprotectData", content, entropy)


def _call(function: str, content: bytes, entropy: bytes) -> bytes:
    if sys.platform == "win32":
        given, salt, result = _Blob.of(content), _Blob.of(entropy), _Blob()
        call = getattr(ctypes.WinDLL("crypt32", use_last_error=True), function)
        flags = UI_FORBIDDEN | LOCAL_MACHINE
        if not call(ctypes.byref(given), None, ctypes.byref(salt), None, None, flags, ctypes.byref(result)):
            raise DpapiRefused(f"{function} failed with {ctypes.get_last_error()}")
        try:
            return ctypes.string_at(result.data, result.size)
        finally:
            free = ctypes.WinDLL("kernel32").LocalFree
            free.argtypes = [ctypes.c_void_p]  # or a pointer of 64 bits is cut
            free(result.data)
    raise DpapiRefused("there is no DPAPI on this system")
