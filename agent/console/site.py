"""A request's way through the console: session, form, page or action, answer."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send

from agent.clock import Clock
from agent.console.calls import Begun, CallsAs
from agent.console.door import Door, Session, SignedOut
from agent.console.gate import Gate, TooLarge
from agent.console.live import Live
from agent.console.page import Confirm, GoTo, Outcome, Page, Show, Visit
from agent.console.pages import PAGES, setup
from agent.console.rendering import Statics, ago, lasting, make_environment, title_of
from agent.console.server import SIGNED_IN
from agent.console.signing_in import COOKIE, SigningIn
from agent.control import Handler, error_document
from agent.errors import ConfigurationError, GroundwireError, TransientError, UnexpectedError
from agent.version import VERSION

log = structlog.get_logger(__name__)

THEMES: Final = ("auto", "light", "dark")
THEME_COOKIE: Final = "groundwire-theme"
THEME_SECONDS: Final = 365 * 86_400
MAX_FIELDS: Final = 2_000
FORM_TYPE: Final = "application/x-www-form-urlencoded"
LIVE_HEADER: Final = "x-live"  # of what a page asks for by itself


@dataclass(frozen=True, slots=True)
class Place:
    """Where the console is: its port, and the random path that everything but its files lies under."""

    port: int
    root: str
    agent: str  # the agent's name, for the head of each page
    command: str = "groundwire console"  # that gives a link
    served_by: str = "this agent"
    pages: Sequence[Page] = PAGES


def of_setup(port: int, root: str) -> Place:
    """Of a machine that is being set up: one page, and no agent."""
    return Place(port, root, "set-up", "groundwire setup --web", "`groundwire setup`", (setup.WHOLE,))


class Site:
    def __init__(
        self,
        place: Place,
        door: Door,
        signing_in: SigningIn,
        live: Live,
        handlers: Mapping[str, Handler],
        clock: Clock,
    ) -> None:
        self._place = place
        self._door = door
        self._signing_in = signing_in
        self._live = live
        self._handlers = handlers
        self._clock = clock
        self._pages = place.pages
        self._statics = Statics()
        self._templates = make_environment(self._statics)
        for page in self._pages:
            self._templates.get_template(page.template)
        self.begun = Begun()

    def app(self) -> Gate:
        inside = [
            Route("/open", self._open, methods=["GET", "POST"]),
            Route("/leave", self._leave, methods=["POST"]),
            Route("/theme", self._theme, methods=["POST"]),
            Route("/live", _Feed(self._door, self._live)),
            *(Route(f"/{page.path}", self._endpoint(page), methods=["GET", "POST"]) for page in self._pages),
        ]
        routes = [
            Route("/static/{name}", self._static, methods=["GET"]),
            Route("/", self._closed, methods=["GET"]),
            Mount(f"/{self._place.root}", routes=inside),
        ]
        app = Starlette(
            routes=routes,
            exception_handlers={
                HTTPException: self._no_page,
                GroundwireError: self._known,
                Exception: self._fault,
            },
        )
        app.router.redirect_slashes = False
        return Gate(app, port=self._place.port, live_path=f"/{self._place.root}/live")

    # Before anybody is in.

    async def _static(self, request: Request) -> Response:
        found = self._statics.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        content, kind = found
        kept = {"cache-control": "public, max-age=31536000, immutable"}
        return Response(content, headers={"content-type": kind, **kept})

    async def _closed(self, request: Request) -> Response:
        return self._bare(request, "closed.html", error=error_document(SignedOut()), status=401)

    async def _open(self, request: Request) -> Response:
        form = dict(await _form(request)) if request.method == "POST" else {}
        token = str(form.get("link") or request.query_params.get("link", ""))
        cookie = _cookie_of(request)
        if self._door.came_from(cookie, token):
            return self._go("")
        if request.method != "POST":
            asked = await self._signing_in.asked(token)
            return self._bare(
                request, "open.html", status=410 if asked.gone else 200, asked=asked, link=token
            )
        asked = await self._signing_in.enter(token, form.get("password", ""))
        if asked.cookie is None:
            status = 410 if asked.gone else 403
            return self._bare(request, "open.html", status=status, asked=asked, link=token)
        answer = self._go("")
        answer.set_cookie(COOKIE, asked.cookie, path=f"/{self._place.root}", httponly=True, samesite="strict")
        return answer

    # Inside.

    def _endpoint(self, page: Page) -> Any:
        async def endpoint(request: Request) -> Response:
            by_page = LIVE_HEADER in request.headers
            try:
                session = self._door.session(_cookie_of(request), by_person=not by_page)
                request.scope["state"][SIGNED_IN] = True
            except SignedOut as error:
                return await self._lost(request, "closed.html", 401, error=error_document(error))
            form = await _form(request) if request.method == "POST" else []
            visit = self._visit(request, session, form)
            try:
                if request.method == "POST":
                    if not _has_token(form, session):
                        return await self._lost(request, "missing.html", 403, code=403)
                    return await self._act(page, request, visit, dict(form).get("do", ""))
                return await self._shown(page, request, visit)
            except GroundwireError as error:
                return self._error(page, request, visit, error, _status(page, error))
            except (HTTPException, TooLarge, TimeoutError):
                raise
            except Exception:
                log.exception("console_failed", page=page.title)
                return self._error(page, request, visit, UnexpectedError(), 500)

        return endpoint

    async def _lost(self, request: Request, template: str, status: int, **data: Any) -> Response:
        """A form that comes too late: nothing is done, but what a person has typed goes back."""
        form = dict(await _form(request)) if request.method == "POST" else {}
        return self._bare(request, template, status=status, typed=form.get("text", ""), **data)

    def _visit(self, request: Request, session: Session, form: Sequence[tuple[str, str]]) -> Visit:
        own = {"token", "do", "confirmed"}
        lists: dict[str, list[str]] = {}
        for name, value in form:
            if name not in own:
                lists.setdefault(name, []).append(value)
        return Visit(
            CallsAs(self._handlers, session.actor, self.begun),
            session,
            path=dict(request.path_params),
            query=dict(request.query_params),
            form={name: values[-1] for name, values in lists.items()},
            lists=lists,
            confirmed=dict(form).get("confirmed") == "yes",
        )

    async def _act(self, page: Page, request: Request, visit: Visit, do: str) -> Response:
        action = page.actions.get(do)
        if action is None:
            raise HTTPException(404)
        try:
            outcome: Outcome = await action(visit)
        except GroundwireError as error:
            return await self._shown(page, request, visit, status=_status(page, error), error=error)
        match outcome:
            case Confirm():
                typed = {"why"} if outcome.asks else set()
                fields = [
                    (name, value)
                    for name, values in visit.lists.items()
                    for value in values
                    if name not in typed
                ]
                told = {"confirm": outcome, "do": do, "fields": fields, "again": visit.confirmed}
                return self._inside(page, request, visit, "confirm.html", told)
            case Show(data):
                return await self._shown(page, request, visit, data=data)
            case GoTo(str() as path):
                return self._go(path)
        here = request.url.path.removeprefix(f"/{self._place.root}/")
        return self._go(f"{here}?{request.url.query}" if request.url.query else here)

    async def _shown(
        self,
        page: Page,
        request: Request,
        visit: Visit,
        *,
        data: Mapping[str, Any] | None = None,
        status: int = 200,
        error: GroundwireError | None = None,
    ) -> Response:
        found = {**await page.show(visit), **(data or {})}
        return self._inside(page, request, visit, page.template, found, status=status, error=error)

    def _error(
        self, page: Page, request: Request, visit: Visit, error: GroundwireError, status: int
    ) -> Response:
        return self._inside(page, request, visit, "error.html", {}, status=status, error=error)

    def _inside(
        self,
        page: Page,
        request: Request,
        visit: Visit,
        template: str,
        data: Mapping[str, Any],
        *,
        status: int = 200,
        error: GroundwireError | None = None,
    ) -> Response:
        notes = []
        if LIVE_HEADER not in request.headers:
            notes = list(visit.session.notes)
            visit.session.notes.clear()
        context = {
            "page": page,
            "title": title_of(page.title, visit.path),
            "pages": self._pages,
            "places": {page.path for page in self._pages},
            "here": request.url.path.removeprefix(f"/{self._place.root}/"),
            "query": visit.query,
            "path": visit.path,
            "form": visit.form,
            "token": visit.session.token,
            "actor": visit.session.actor.name,
            "notes": notes,
            "error": None if error is None else error_document(error),
        }
        return self._rendered(request, template, {**context, **data}, status)

    def _bare(self, request: Request, template: str, *, status: int, **data: Any) -> Response:
        """A page for whoever is not signed in: it does not tell the path that everything lies under."""
        return self._rendered(request, template, data, status)

    def _rendered(self, request: Request, template: str, data: Mapping[str, Any], status: int) -> Response:
        now, theme = self._clock.utcnow(), request.cookies.get(THEME_COOKIE, "auto")
        html = self._templates.get_template(template).render(
            {
                "root": f"/{self._place.root}/",
                "agent": self._place.agent,
                "command": self._place.command,
                "served_by": self._place.served_by,
                "version": VERSION,
                "now": now,
                "theme": theme if theme in THEMES else "auto",
                "ago": lambda text: ago(text, now),
                "lasting": lambda text: lasting(text, now),
                **data,
            }
        )
        return HTMLResponse(html, status)

    async def _leave(self, request: Request) -> Response:
        session = self._door.session(_cookie_of(request))
        _require_token(await _form(request), session)
        await self._signing_in.leave(session)
        return self._bare(request, "closed.html", error=None, status=200)

    async def _theme(self, request: Request) -> Response:
        form = dict(await _form(request))
        _require_token(list(form.items()), self._door.session(_cookie_of(request)))
        answer = self._go(form.get("back", ""))
        if form.get("theme") in THEMES:
            answer.set_cookie(
                THEME_COOKIE, form["theme"], max_age=THEME_SECONDS, path="/", httponly=True, samesite="strict"
            )
        return answer

    def _go(self, path: str) -> Response:
        return RedirectResponse(f"/{self._place.root}/{path.lstrip('/')}", status_code=303)

    # What goes wrong.

    async def _no_page(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 404
        return self._bare(request, "missing.html", status=status, code=status)

    async def _known(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, GroundwireError)  # noqa: S101 - what it is registered for
        status = 401 if isinstance(error, SignedOut) else 503
        return self._bare(request, "closed.html", status=status, error=error_document(error))

    async def _fault(self, request: Request, error: Exception) -> Response:
        if isinstance(error, TooLarge | TimeoutError):
            raise error  # the gate has an answer to these
        log.error("console_failed", page=request.url.path.split("/")[2:3], exc_info=error)
        return self._bare(request, "closed.html", status=500, error=error_document(UnexpectedError()))


class _Feed:
    """The live updates of one open page."""

    def __init__(self, door: Door, live: Live) -> None:
        self._door = door
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        cookie = _cookie_of(Request(scope, receive))

        def signed_in() -> bool:
            try:
                self._door.session(cookie, by_person=False)
            except SignedOut:
                return False
            return True

        if not signed_in() or self._live.full:
            await Response(status_code=503 if signed_in() else 401)(scope, receive, send)
            return
        scope["state"][SIGNED_IN] = True
        await self._live.feed(receive, send, wanted=signed_in)


def _cookie_of(request: Request) -> str:
    """The first of that name, which is the one of the longest path: a server on another port may have set one too."""
    for header in request.headers.getlist("cookie"):
        for part in header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == COOKIE:
                return value
    return ""


async def _form(request: Request) -> list[tuple[str, str]]:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != FORM_TYPE:
        raise HTTPException(415)
    body = await request.body()
    try:
        return parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=MAX_FIELDS
        )
    except ValueError:
        raise HTTPException(400) from None


def _require_token(form: Sequence[tuple[str, str]], session: Session) -> None:
    if not _has_token(form, session):
        raise HTTPException(403)


def _has_token(form: Sequence[tuple[str, str]], session: Session) -> bool:
    return hmac.compare_digest(dict(form).get("token", "").encode(), session.token.encode())


def _status(page: Page, error: GroundwireError) -> int:
    if isinstance(error, ConfigurationError) and "{" in page.path:
        return 404  # the path names what is not there
    return 503 if isinstance(error, TransientError) else 409
