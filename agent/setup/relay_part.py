"""The first part of set-up: the way to the relay, tested hop by hop, and the enrolment."""

from __future__ import annotations

from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from agent.errors import ConfigurationError, GroundwireError, NeedsPersonError, TransientError
from agent.findings import Finding, Level
from agent.secrets import Secret
from agent.setup.asking import Choice, Kind, Person, Question, Saying, Tone, Unfit
from agent.setup.files import agent_text
from agent.setup.filing import Filing
from agent.setup.machine_port import Enrolled, Found, FoundProxy, Machine, RelayWay
from agent.tunnel.endpoint import make_endpoint, make_proxy
from agent.unbroken import to_its_end

PROXY_SECRET: Final = "relay-proxy"  # noqa: S105 - its name in the vault
DIRECT: Final = "none"
OTHER: Final = "other"
_AGENT: Final = "agent.toml"


class SetupLeft(NeedsPersonError):
    """Set-up was left before its end."""

    code = "setup_left"
    default_hint = (
        "Run `groundwire setup` again whenever you like: what is done is kept, and it goes on from there."
    )


async def reach_relay(person: Person, machine: Machine, filing: Filing, found: Found) -> Enrolled | None:
    """Raises SetupLeft; with nobody there to mend an answer, what is wrong. None in a dry run."""
    person.tell(
        Saying(Tone.STEP, "The relay", "Groundwire opens one connection, out of this network, to one relay.")
    )
    if found.enrolled is not None:
        person.tell(
            Saying(Tone.DONE, f"Enrolled already, as {found.enrolled.agent} at {found.enrolled.relay_url}.")
        )
        _show(person, (await machine.test_relay(replace(found.way, url=found.enrolled.relay_url))).findings)
        return found.enrolled
    way = await _way_that_works(person, machine, found)
    name = await person.ask(
        Question(
            "relay.name",
            "What shall the relay call this agent?",
            why="It is shown beside everything that comes from here: the site, or what the machine is for.",
            default=found.name,
            read=_agent_name,
        )
    )
    await _keep(machine, filing, found, way, name)
    if filing.dry_run:
        person.tell(Saying(Tone.NOTE, "Dry run: this agent is not enrolled, and its code stays good."))
        return None
    return await _enrol(person, machine, way, name)


async def _way_that_works(person: Person, machine: Machine, found: Found) -> RelayWay:
    way = await _ask_url(person, found.way)
    way = await _ask_ca(person, machine, way, offered=not person.present)
    way = await _ask_proxy(person, machine, way, offered=False)
    while True:
        person.tell(Saying(Tone.BUSY, f"Testing the way to {_authority(way.url)} ..."))
        tested = await machine.test_relay(way)
        _show(person, tested.findings)
        if tested.error is None:
            return way
        if not person.present:
            raise tested.error
        way = await _mend(person, machine, way, tested.hop)


async def _mend(person: Person, machine: Machine, way: RelayWay, hop: str) -> RelayWay:
    first = {"tls": "authority", "certificates": "authority", "proxy": "proxy"}.get(hop, "address")
    answer = await person.ask(
        Question(
            "relay.mend",
            "What would you like to do?",
            kind=Kind.CHOICE,
            default=first,
            kept=False,
            choices=(
                Choice("address", f"give another address for the relay (now {_authority(way.url)})"),
                Choice("proxy", f"go through a proxy, or another one (now {way.proxy or 'none'})"),
                Choice("authority", f"name the authority behind its certificate (now {way.ca_file or 'those of this machine'})"),
                Choice("again", "try again, something outside was changed"),
                Choice("leave", "leave set-up for now"),
            ),
        )
    )  # fmt: skip
    if answer == "address":
        return await _ask_url(person, way)
    if answer == "proxy":
        return await _ask_proxy(person, machine, way, offered=True)
    if answer == "authority":
        return await _ask_ca(person, machine, way, offered=True)
    if answer == "leave":
        raise SetupLeft
    return way


async def _ask_url(person: Person, way: RelayWay) -> RelayWay:
    url = await person.ask(
        Question(
            "relay.url",
            "Address of the relay",
            why="Whoever runs the relay gives you its address and a code.",
            example="wss://relay.example.com",
            default=way.url or None,
            read=_relay_url,
        )
    )
    return replace(way, url=url)


async def _ask_ca(person: Person, machine: Machine, way: RelayWay, *, offered: bool) -> RelayWay:
    """Only where the relay's certificate is not trusted as it is, or a file of answers names one."""
    if not offered:
        return way
    path = await person.ask(
        Question(
            "relay.ca_file",
            "File of the authority behind the relay's certificate",
            why="A PEM file that the relay's operator gives you (ca.pem of its folder); then no other authority is trusted for it. "
            f"Left empty: {'as now' if way.ca_file else 'the authorities that this machine trusts'}.",
            default=way.ca_file,
            example="/etc/groundwire/relay-ca.pem",
            read=machine.file_named,
        )
    )
    return replace(way, ca_file=path)


async def _ask_proxy(person: Person, machine: Machine, way: RelayWay, *, offered: bool) -> RelayWay:
    """Asked where this machine names a proxy, where going directly did not work, and of a file of answers."""
    known = list(machine.proxies(way.url))
    if not known and not offered and person.present:
        return way
    by_url = {one.url: one for one in known}
    choices = [Choice(one.url, f"{one.url}, as {one.where} says") for one in known]
    answer = await person.ask(
        Question(
            "relay.proxy",
            "How does this machine get out to the relay?",
            why="This machine names a proxy." if known else "",
            kind=Kind.CHOICE if person.present else Kind.TEXT,
            default=known[0].url if known else (way.proxy or DIRECT),
            choices=(
                *choices,
                Choice(DIRECT, "directly, without a proxy"),
                Choice(OTHER, "through another proxy"),
            ),
            read=_proxy_or_none,
        )
    )
    if answer == DIRECT:
        return replace(way, proxy="", proxy_user="", proxy_password=None)
    if answer == OTHER:
        answer = await person.ask(
            Question("relay.proxy", "Address of the proxy", example="http://proxy.example.com:3128", default=way.proxy or None, read=_proxy_url)
        )  # fmt: skip
    return await _ask_proxy_user(person, replace(way, proxy=answer), by_url.get(answer))


async def _ask_proxy_user(person: Person, way: RelayWay, named: FoundProxy | None) -> RelayWay:
    """What the machine says of the proxy is tried once as it is; then, or with nobody present, it is the default."""
    known = named if named is not None and named.user and named.password is not None else None
    tried = known is not None and way.proxy_user == known.user
    if known is not None and person.present and not tried:
        person.tell(Saying(Tone.NOTE, f"With the user {known.user} and the password that {known.where} has."))
        return replace(way, proxy_user=known.user, proxy_password=known.password)
    user = await person.ask(
        Question(
            "relay.proxy_user",
            "User at the proxy",
            why="Left empty: it wants none. Only basic authentication is spoken." if known is None else "",
            default=way.proxy_user or (known.user if known is not None else ""),
        )
    )
    if not user:
        return replace(way, proxy_user="", proxy_password=None)
    usual = known.password if known is not None and known.user == user and not tried else None
    typed = await person.ask(
        Question(
            "relay.proxy_password",
            f"Password of {user} at the proxy",
            why="It goes into the vault; it is not shown.",
            kind=Kind.SECRET,
            default=None if usual is None else "",
        )
    )
    return replace(way, proxy_user=user, proxy_password=Secret(typed) if typed else usual)


async def _keep(machine: Machine, filing: Filing, found: Found, way: RelayWay, name: str) -> None:
    """agent.toml before the enrolment, which needs to know the state folder; then the proxy's password."""
    settings = {
        "agent.name": name,
        "relay.ca_file": way.ca_file or None,
        "relay.proxy": way.proxy or None,
        "relay.proxy_user": way.proxy_user or None,
        "relay.proxy_password": f"secret:{PROXY_SECRET}" if way.proxy_user else None,
    }
    if found.state_setting:
        settings["agent.state_dir"] = found.state_setting
    if not await filing.put(_AGENT, agent_text(machine.read(_AGENT), settings)):
        raise SetupLeft("agent.toml stays as it is, and this agent is not enrolled", where=_AGENT)
    if way.proxy_password is not None and not filing.dry_run:
        await machine.store(PROXY_SECRET, way.proxy_password)


async def _enrol(person: Person, machine: Machine, way: RelayWay, name: str) -> Enrolled:
    while True:
        code = await person.ask(
            Question(
                "relay.code",
                "Enrolment code",
                why="From the relay's operator; it is good once, and for a short time.",
                kind=Kind.TEXT if person.present else Kind.SECRET,
                kept=False,
            )
        )
        person.tell(Saying(Tone.BUSY, "Enrolling ..."))
        try:
            enrolled = await to_its_end(machine.enrol(way, code.strip(), name))  # a code is good once
        except (ConfigurationError, NeedsPersonError, TransientError) as error:
            if not person.present or error.code == "already_running":
                raise
            tell_error(person, error)
            continue
        person.tell(Saying(Tone.DONE, f"Enrolled: the relay knows this agent as {name} ({enrolled.agent})."))
        return enrolled


def tell_error(person: Person, error: GroundwireError) -> None:
    person.tell(Saying(Tone.PROBLEM, str(error), error.hint))


def _show(person: Person, findings: tuple[Finding, ...]) -> None:
    tones = {
        Level.OK: Tone.DONE,
        Level.NOTICE: Tone.NOTICE,
        Level.WARNING: Tone.WARNING,
        Level.PROBLEM: Tone.PROBLEM,
    }
    for one in findings:
        text = f"{one.where}: {one.cause}" if one.where else one.cause
        evidence = f" ({one.evidence})" if one.evidence else ""
        person.tell(Saying(tones[one.level], f"{text}{evidence}", one.next_step))


def _relay_url(text: str) -> str:
    """Also without wss://, and as https://, as somebody may have written it down."""
    url = text.strip().rstrip("/")
    scheme, found, rest = url.partition("://")
    if not found:
        url = f"wss://{url}"
    elif scheme.lower() == "https":
        url = f"wss://{rest}"
    try:
        make_endpoint(url)
    except ConfigurationError as error:
        raise Unfit(f"{error.message}, such as wss://relay.example.com.") from None
    return url


def _proxy_url(text: str) -> str:
    url = text.strip().rstrip("/")
    url = url if "://" in url else f"http://{url}"
    try:
        made = make_proxy(url)
    except ConfigurationError as error:
        raise Unfit(f"{error.message[0].upper()}{error.message[1:]}.") from None
    if urlsplit(url).port is None:
        raise Unfit(f"Please say its port too, such as http://{made.host}:3128.")
    return url


def _proxy_or_none(text: str) -> str:
    return DIRECT if text.strip() in (DIRECT, "") else _proxy_url(text)


def _agent_name(text: str) -> str:
    if len(text) > 100:  # noqa: PLR2004 - as agent.toml takes it
        raise Unfit("At most 100 characters.")
    return text


def _authority(url: str) -> str:
    return urlsplit(url).netloc or url
