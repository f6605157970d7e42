"""A change is sent with a token of the session that there is."""

from __future__ import annotations

from typing import Any

from drivers.http.messages import Answer, Request
from drivers.odata.options import ConnectionOptions
from drivers.odata.service import Service


class Server:
    """Gives tokens, each good until the next session begins, and turns away whatever has another."""

    def __init__(self) -> None:
        self.session = 1
        self.changes: list[str] = []
        self.secrets: tuple[str, ...] = ()

    async def send(self, request: Request) -> Answer:
        token = f"token-{self.session}"
        if request.method == "GET":
            return Answer(200, {"x-csrf-token": token}, b"{}")
        given = request.headers["X-CSRF-Token"]
        self.changes.append(given)
        return Answer(201, {}, b"") if given == token else Answer(403, {"x-csrf-token": "Required"}, b"")


async def test_a_token_of_a_session_that_ended_is_fetched_anew_and_not_sent_again() -> None:
    server: Any = Server()
    options = ConnectionOptions.model_validate({"url": "https://erp.example/odata", "csrf": "fetch"})
    service = Service(server, options, "orders")
    change = Request("POST", "https://erp.example/odata/orders/Orders")

    first = await service.change(change)
    server.session += 1
    second = await service.change(change)

    assert (first.status, second.status) == (201, 201)
    assert server.changes == ["token-1", "token-1", "token-2"]
