"""Pure: the URLs of a service. Every value is percent-encoded here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urljoin, urlsplit

from drivers.contract import SourceChanged
from drivers.http.client import origin
from drivers.odata.literals import V4
from drivers.odata.shape import Node

# What a query may hold as it is; blanks become %20, and /, &, +, #, ; and % are encoded too.
_PLAIN: Final = "$'(),*:@!~"


def address(root: str, path: str, query: Mapping[str, str]) -> str:
    parts = [f"{quote(name, safe='$-_.~')}={encoded(value)}" for name, value in query.items()]
    return f"{root}/{path}" + (f"?{'&'.join(parts)}" if parts else "")


def encoded(value: str) -> str:
    return quote(value, safe=_PLAIN)


def key_predicate(names: Sequence[str], literals: Sequence[str]) -> str:
    """The part behind an entity set that names one record: `('4711')`, `(A='1',B='2')`."""
    if len(names) == 1:
        return f"({quote(literals[0], safe='')})"
    pairs = (f"{name}={quote(each, safe='')}" for name, each in zip(names, literals, strict=True))
    return f"({','.join(pairs)})"


def choices(tree: Node, version: int) -> dict[str, str]:
    """`$select` and `$expand` for a tree of properties."""
    if version == V4:
        selected, expanded = "" if tree.whole else _select(tree), _expand_v4(tree)
    else:
        selected = "" if _is_whole(tree) else ",".join(_select_v2(tree))
        expanded = ",".join(_expand_v2(tree))
    return {name: value for name, value in (("$select", selected), ("$expand", expanded)) if value}


def _is_whole(node: Node) -> bool:
    below = (*node.inner.values(), *node.lists.values())
    return node.whole and all(_is_whole(each) for each in below)


def _select(node: Node) -> str:
    names = [each.name for each in node.properties]
    names += [name for name, each in node.inner.items() if not each.navigation]
    names += [name for name, each in node.lists.items() if not each.navigation]
    return ",".join(names)


def _expand_v4(node: Node) -> str:
    found = []
    for name, below in (*node.inner.items(), *node.lists.items()):
        if not below.navigation:
            continue
        options = []
        selected, expanded = _select(below), _expand_v4(below)
        if selected and not below.whole:
            options.append(f"$select={selected}")
        if expanded:
            options.append(f"$expand={expanded}")
        found.append(f"{name}({';'.join(options)})" if options else name)
    return ",".join(found)


def _select_v2(node: Node, above: str = "") -> list[str]:
    """V2 names what is wanted of an expanded record by its path; `*` is everything of it."""
    if node.whole:
        found = [f"{above}*"]
    else:
        found = [f"{above}{each.name}" for each in node.properties]
        found += [f"{above}{name}" for name, each in node.inner.items() if not each.navigation]
        found += [f"{above}{name}" for name, each in node.lists.items() if not each.navigation]
    for name, below in (*node.inner.items(), *node.lists.items()):
        if below.navigation:
            found += _select_v2(below, f"{above}{name}/")
    return found


def _expand_v2(node: Node, above: str = "") -> list[str]:
    found = []
    for name, below in (*node.inner.items(), *node.lists.items()):
        if below.navigation:
            deeper = _expand_v2(below, f"{above}{name}/")
            found += deeper or [f"{above}{name}"]
    return found


def all_of(conditions: Sequence[str]) -> str:
    """Conditions joined by `and`; those with an operator of their own that binds less stand in brackets."""
    return " and ".join(conditions)


def any_of(conditions: Sequence[str]) -> str:
    return conditions[0] if len(conditions) == 1 else f"({' or '.join(conditions)})"


def followed(link: str, root: str, constant: Mapping[str, str], *, where: str) -> str:
    """The URL that a server's link names. Raises SourceChanged for one that leads out of the service."""
    base = urlsplit(root)
    try:
        target = urlsplit(urljoin(f"{root}/", link))
        same = origin(target.geturl()) == origin(root) and "@" not in target.netloc
    except ValueError:
        target, same = urlsplit(""), False
    decoded = unquote(unquote(target.path))
    inside = target.path == base.path or target.path.startswith(f"{base.path}/")
    if not same or not inside or ".." in decoded.split("/") or "\\" in decoded or not link.isprintable():
        raise SourceChanged(
            f"the server's link leads to {target.scheme}://{target.netloc.rpartition('@')[2]}{target.path[:100]}, out of the service",
            where=where,
            hint="Links are followed below the service's root only. If a proxy stands between, name in options.url "
            "the host that the server takes itself for.",
        )
    known = {name for name, _ in parse_qsl(target.query, keep_blank_values=True)}
    query = target.query.replace("+", "%20").replace(" ", "%20")
    missing = [f"{quote(n, safe='$-_.~')}={encoded(v)}" for n, v in constant.items() if n not in known]
    whole = "&".join(part for part in (query, *missing) if part)
    return f"{base.scheme}://{base.netloc}{target.path}" + (f"?{whole}" if whole else "")
