"""Pure: what SAP's own HTTP server says on its pages for errors, which drivers for SAP's services meet alike.

It checks whether a service is active before anybody signs in, and answers 403 where it is not. That the logon failed it
says without a reason: the page is the same for a wrong password, a client that is not there and a user who is locked.
"""

from __future__ import annotations

import re
from typing import Final

from drivers.http.messages import Answer

FORBIDDEN: Final = 403
# The page's own code of the error, in every language, and its English words.
_INACTIVE: Final = re.compile(rb"ICF-NF|[Ss]ervice cannot be reached|service is not (available|active)")
_SEARCHED: Final = 20_000  # bytes

ACTIVATE: Final = "Ask the SAP team to activate {path} and all nodes above it (transaction SICF)."
LOGON_CAUSES: Final = (
    "a wrong user, password or client, a locked user and an expired or initial password all look like this. Ask the SAP "
    "team for the user's state (transaction SU01) and for what the security audit log says of it (SM20). Do not try "
    "often: SAP locks the user."
)


def is_inactive(answer: Answer) -> bool:
    """Whether the service was refused because it is not active, and not because of who asked."""
    return answer.status == FORBIDDEN and _INACTIVE.search(answer.body[:_SEARCHED]) is not None


def is_page(answer: Answer) -> bool:
    """Something for people, where a program's answer was expected."""
    return "html" in answer.headers.get("content-type", "").lower()
