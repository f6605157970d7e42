"""Windows' service control manager and registry, through pywin32."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import contextlib
    import ctypes
    import winreg
    from collections.abc import Iterator
    from contextlib import contextmanager
    from typing import Any, Final, cast

    import pywintypes
    import win32api
    import win32event
    import win32service

    from agent.service.plan import (
        ACCOUNT,
        DISPLAY_NAME,
        EVENT_MESSAGES,
        EVENT_SOURCE_KEY,
        EVENT_TYPES,
        NAME,
        Recovery,
    )
    from agent.service.ports import ServiceRefused, StartType, State
    from agent.service.refusals import refusals

    _NO_SUCH_SERVICE: Final = 1060
    _SYNCHRONIZE: Final = 0x100000  # to wait for a process
    _OWN_ERROR: Final = 1066  # the service's own code is beside it
    _NEVER_STARTED: Final = 1077
    _SID_TYPE_UNRESTRICTED: Final = 1
    _NO_TAG: Final = False  # of a place in the order in which drivers load
    _STATES: Final = {
        win32service.SERVICE_STOPPED: State.STOPPED,
        win32service.SERVICE_START_PENDING: State.STARTING,
        win32service.SERVICE_RUNNING: State.RUNNING,
        win32service.SERVICE_STOP_PENDING: State.STOPPING,
    }

    _STARTS: Final = {
        win32service.SERVICE_AUTO_START: StartType.AUTOMATIC,
        win32service.SERVICE_DISABLED: StartType.DISABLED,
    }

    class Scm:
        """Of the agent's service, or of another one. `account` None: the system itself."""

        def __init__(
            self, name: str = NAME, title: str = DISPLAY_NAME, account: str | None = ACCOUNT
        ) -> None:
            self._name, self._title, self._account = name, title, account
            self._process: Any = None  # of the service that was told to stop

        def is_administrator(self) -> bool:
            return bool(ctypes.windll.shell32.IsUserAnAdmin())

        def state(self) -> State:
            try:
                return _STATES.get(self._status()[1], State.STOPPING)
            except ServiceRefused as error:
                if error.code == _NO_SUCH_SERVICE:
                    return State.MISSING
                raise

        def exit_code(self) -> int:
            status = self._status()
            code = int(status[4] if status[3] == _OWN_ERROR else status[3])
            return 0 if code == _NEVER_STARTED else code

        def create(self, command_line: str) -> None:
            with refusals(), _manager(win32service.SC_MANAGER_CREATE_SERVICE) as manager:
                made = win32service.CreateService(
                    manager, self._name, self._title, win32service.SERVICE_ALL_ACCESS,
                    win32service.SERVICE_WIN32_OWN_PROCESS, win32service.SERVICE_AUTO_START,
                    win32service.SERVICE_ERROR_NORMAL, command_line, None, _NO_TAG, None, self._account, None,
                )  # fmt: skip
                win32service.CloseServiceHandle(made)

        def command_line(self) -> str:
            return str(self._config()[3])

        def set_command_line(self, command_line: str) -> None:
            self._change(command_line=command_line)

        def start_type(self) -> StartType:
            return _STARTS.get(int(self._config()[1]), StartType.BY_HAND)

        def set_start_type(self, start: StartType) -> None:
            numbers = {one: number for number, one in _STARTS.items()}
            self._change(start=numbers.get(start, win32service.SERVICE_DEMAND_START))

        def account(self) -> str:
            return str(self._config()[7])

        def set_account(self, account: str) -> None:
            self._change(account=account)

        def delete(self) -> None:
            with _service(self._name, 0x10000) as service:  # DELETE
                win32service.DeleteService(service)

        def start(self) -> None:
            with _service(self._name, win32service.SERVICE_START) as service:
                win32service.StartService(service, None)

        def stop(self) -> None:
            rights = win32service.SERVICE_STOP | win32service.SERVICE_QUERY_STATUS
            with _service(self._name, rights) as service:
                status = cast("dict[str, int]", win32service.QueryServiceStatusEx(service))
                found = status["ProcessId"]
                with contextlib.suppress(pywintypes.error):  # it has gone already
                    self._process = win32api.OpenProcess(_SYNCHRONIZE, False, found)  # noqa: FBT003 - not inherited
                win32service.ControlService(service, win32service.SERVICE_CONTROL_STOP)

        def process_is_gone(self) -> bool:
            process = self._process
            return process is None or win32event.WaitForSingleObject(process, 0) == win32event.WAIT_OBJECT_0

        def set_description(self, text: str) -> None:
            self._set(win32service.SERVICE_CONFIG_DESCRIPTION, text)

        def set_recovery(self, recovery: Recovery) -> None:
            actions = [
                (win32service.SC_ACTION_RESTART, seconds * 1000) for seconds in recovery.restart_seconds
            ]
            self._set(
                win32service.SERVICE_CONFIG_FAILURE_ACTIONS,
                {
                    "ResetPeriod": recovery.forget_seconds,
                    "RebootMsg": "",
                    "Command": "",
                    "Actions": actions,
                },
            )

        def set_recovery_after_errors(self) -> None:
            self._set(win32service.SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, value=True)

        def set_delayed_start(self) -> None:
            self._set(win32service.SERVICE_CONFIG_DELAYED_AUTO_START_INFO, value=True)

        def set_own_sid(self) -> None:
            self._set(win32service.SERVICE_CONFIG_SERVICE_SID_INFO, _SID_TYPE_UNRESTRICTED)

        def set_preshutdown(self, seconds: int) -> None:
            self._set(win32service.SERVICE_CONFIG_PRESHUTDOWN_INFO, seconds * 1000)

        def add_event_source(self) -> None:
            try:
                with winreg.CreateKey(winreg.HKEY_LOCAL_MACHINE, EVENT_SOURCE_KEY) as key:
                    winreg.SetValueEx(key, "EventMessageFile", 0, winreg.REG_EXPAND_SZ, EVENT_MESSAGES)
                    winreg.SetValueEx(key, "TypesSupported", 0, winreg.REG_DWORD, EVENT_TYPES)
            except OSError as error:
                raise ServiceRefused(
                    error.winerror or 0, error.strerror or "the registry refused it"
                ) from error

        def remove_event_source(self) -> None:
            with contextlib.suppress(FileNotFoundError):
                try:
                    winreg.DeleteKey(winreg.HKEY_LOCAL_MACHINE, EVENT_SOURCE_KEY)
                except PermissionError as error:
                    raise ServiceRefused(
                        error.winerror or 0, error.strerror or "the registry refused it"
                    ) from error

        def _set(self, level: int, value: Any) -> None:
            rights = win32service.SERVICE_CHANGE_CONFIG | win32service.SERVICE_START  # a restart is a start
            with _service(self._name, rights) as service:
                win32service.ChangeServiceConfig2(service, level, value)

        def _change(
            self,
            *,
            start: int = win32service.SERVICE_NO_CHANGE,
            command_line: str | None = None,
            account: str | None = None,
        ) -> None:
            unchanged = win32service.SERVICE_NO_CHANGE
            with _service(self._name, win32service.SERVICE_CHANGE_CONFIG) as service:
                win32service.ChangeServiceConfig(
                    service, unchanged, start, unchanged, command_line, None, _NO_TAG, None, account, None, None
                )  # fmt: skip

        def _config(self) -> tuple[Any, ...]:
            with _service(self._name, win32service.SERVICE_QUERY_CONFIG) as service:
                return cast("tuple[Any, ...]", win32service.QueryServiceConfig(service))

        def _status(self) -> tuple[int, ...]:
            with _service(self._name, win32service.SERVICE_QUERY_STATUS) as service:
                return cast("tuple[int, ...]", win32service.QueryServiceStatus(service))

    @contextmanager
    def _service(name: str, rights: int) -> Iterator[Any]:
        with refusals(), _manager(win32service.SC_MANAGER_CONNECT) as manager:
            service = win32service.OpenService(manager, name, rights)
            try:
                yield service
            finally:
                win32service.CloseServiceHandle(service)

    @contextmanager
    def _manager(rights: int) -> Iterator[Any]:
        manager = win32service.OpenSCManager(None, None, rights)
        try:
            yield manager
        finally:
            win32service.CloseServiceHandle(manager)
