"""Which way to call function modules, chosen by `options.way` or by what is there. Connects to nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drivers.contract import BadConfiguration, SeenCertificate, unseen
from drivers.http.options import Basic
from drivers.rfc import native, sdk
from drivers.rfc.caller import Caller
from drivers.rfc.options import ConnectionOptions, Way
from drivers.rfc.posting import HttpPost
from drivers.rfc.soap import SoapCaller

_SECRET: Final = "password"  # noqa: S105 - its name under [secrets]


def way_of(options: ConnectionOptions) -> Way:
    """Raises BadConfiguration where none can work."""
    if options.way is not None:
        return options.way
    if options.host or options.message_server:
        if sdk.available():
            return "sdk"
        if native.available():
            return "native"
    if options.http is not None:
        return "soap"
    if options.host or options.message_server:
        return "sdk"  # its first call says what to install where
    raise BadConfiguration(
        "neither an application server nor a place for SOAP is named",
        where="options.host",
        hint="Set host and system_number (with SAP's library or saprfclib), or http.url for SOAP.",
    )


def open_caller(
    options: ConnectionOptions, secrets: Mapping[str, str], seen: SeenCertificate = unseen
) -> Caller:
    way = way_of(options)
    if way == "soap":
        return _soap(options, secrets, seen)
    parameters = _logon(options, secrets)
    if way == "sdk":
        return sdk.caller(parameters, call_seconds=options.call_seconds)
    return native.caller(_native(parameters, options))


def _logon(options: ConnectionOptions, secrets: Mapping[str, str]) -> dict[str, str]:
    """As SAP's library names them."""
    if not options.host and not options.message_server:
        raise BadConfiguration(
            "no application server is named",
            where="options.host",
            hint="Write its host name; or message_server, system_id and logon_group.",
        )
    password = secrets.get(_SECRET, "")
    if not options.user and not options.snc:
        raise BadConfiguration("no user is named", where="options.user")
    if not password and not options.snc:
        raise BadConfiguration(
            "the user's password is missing",
            where=f"secrets.{_SECRET}",
            hint='Write password = "secret:..." or "env:..." or "file:..." under [secrets].',
        )
    parameters = {"client": options.client, "lang": options.language, **options.snc}
    parameters |= {"user": options.user, "passwd": password} if options.user else {}
    if options.router:
        parameters["saprouter"] = options.router
    if options.message_server:
        parameters |= {"mshost": options.message_server, "sysid": options.system_id}
        parameters |= {"group": options.logon_group} if options.logon_group else {}
        parameters |= {"msserv": str(options.message_server_port)} if options.message_server_port else {}
        return parameters
    return {**parameters, "ashost": options.host, "sysnr": options.system_number}


def _native(parameters: Mapping[str, str], options: ConnectionOptions) -> dict[str, Any]:
    """The same for saprfclib, which wants host and system number whatever way it takes."""
    qop = parameters.get("snc_qop", "")
    # It asks the message server over HTTP, whose port it would else take from the services of this machine.
    ms = {"ms_http_port": int(parameters["msserv"])} if "msserv" in parameters else {}
    return {
        "ashost": options.host,
        "sysnr": options.system_number,
        "connect_timeout": float(options.connect_seconds),
        "read_timeout": float(options.call_seconds),
        **parameters,
        **ms,
        **({"snc_qop": int(qop)} if qop.isdigit() else {}),
    }


def _soap(options: ConnectionOptions, secrets: Mapping[str, str], seen: SeenCertificate) -> SoapCaller:
    if options.http is None:
        raise BadConfiguration(
            "no place for SOAP is named", where="options.http.url", hint="Write http = { url = ... }."
        )
    http = options.http
    if http.auth is None and options.user:
        http = http.model_copy(update={"auth": Basic(kind="basic", user=options.user, secret=_SECRET)})
    return SoapCaller(HttpPost(http, secrets, seen), options.soap, options.client, options.language)
