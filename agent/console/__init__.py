"""The local console: pages over the agent's own calls, served on loopback (docs/console.md).

Read `service` first (what listens when), then `site` (a request's way), `door` (links and sessions) and `gate` (what is
refused before anything else). Nothing but `service`, `door` and `password` is imported before the console is served.

To add a page:

1. A module in `pages/` with `PAGE: Final = Page(path=..., title=..., template="x.html", show=show, actions={...})`, and
   its name in `pages/__init__.py`, whose order is the navigation's. `group` puts it there; a page below another one, such
   as one record, has no `group`, and `section` says which entry is lit.
2. `async def show(visit) -> dict`: the data of the template, from `await visit.ask("status")` and other calls of
   `agent/calls/`. No page reads anything but calls; what a call lacks becomes a field of it, so that the command line
   has it too. A GroundwireError becomes a page with its words and hint.
3. `templates/x.html`: `{% extends "layout.html" %}`, `{% import "components.html" as ui with context %}` and
   `{% block content %}`. Links are relative to the console's root and without a slash in front:
   `href="connections/{{ name | urlencode }}"`; the root itself is `href="./"`. Values are escaped by themselves. No
   inline style, script or `on...`: the content security policy forbids them; classes are in `static/console.css`.
4. What changes something is an action: a form of method post, without `action`, with `{{ ui.csrf() }}` and a button named
   `do` whose value names it: `{{ ui.act("pause", "Pause") }}` makes a form of one button. An action does its work
   through `visit.ask`, or `visit.begin` where that may take long, leaves a sentence with `visit.note`, and returns
   `GoTo`, `Confirm` (asked on a page of its own; `visit.confirmed` says that the answer was yes), `Show` (the page
   again with more data), or None for the same page. Errors it raises are shown at the top of the page. The calls
   themselves write the audit log; the actor is the session's.
5. Parts that update themselves have an `id` and `data-live`: the script replaces them when something changed, unless a
   person is at work in them. Nothing else is needed for it.

Components (`templates/components.html`): `table`, `badge`, `state_badge`, `finding`, `empty`, `figure`, `chart` (of
`charts.py`), `facts`, `time`, `error`, `act`, `csrf`, `pager`, `code`. Filters (`rendering.py`): `number`, `bytes`,
`ago`, `moment`, `duration`, `plural`, `address`.
"""
