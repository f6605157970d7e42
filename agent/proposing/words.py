"""The words that the names of tables and columns are made of. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

_CAMEL: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


# Of a qualified name; a quote inside a quoted part is doubled.
_PARTS: Final = re.compile(r'"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[(?:[^\]]|\]\])*\]|[^.]+')


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# How one word stands for others.
_MEANS: Final[dict[str, tuple[str, ...]]] = {
    "no": ("number",), "nr": ("number",), "num": ("number",), "nbr": ("number",), "amt": ("amount",),
    "qty": ("quantity",), "desc": ("description",), "descr": ("description",), "txt": ("text",), "vend": ("vendor",),
    "supplier": ("vendor",), "creditor": ("vendor",), "po": ("purchase", "order"), "wo": ("work", "order"),
    "curr": ("currency",), "prod": ("product",), "loc": ("location",), "cat": ("category",), "addr": ("address",),
    "mfr": ("manufacturer",), "uom": ("unit",), "hdr": ("header",), "head": ("header",), "dtl": ("detail",),
    "details": ("detail",), "lines": ("line",), "equip": ("equipment",), "mat": ("material",), "wh": ("warehouse",),
    "whse": ("warehouse",), "tel": ("phone",), "telephone": ("phone",), "zip": ("postal",), "ref": ("reference",),
    "upd": ("updated",), "mod": ("modified",), "dt": ("date",), "acct": ("account",), "labour": ("labor",),
}  # fmt: skip
_SINGULAR: Final = word_set(
    "status address class process business series gross less basis analysis as is has was"
)
# What names without any mark between their words, such as `purchaseorderheader`, are taken apart by.
_VOCABULARY: Final = word_set("""account active activity actual address allocated amount approved asset at average base begin bill bin blocked business
    buy by card category change changed city class code color company complete completed component contact cost count
    country created criticality currency customer date day delivered delivery description detail discount display due
    email employee end equipment estimated family finished first flag freight from full goods group header history id
    inventory invoice is item job key kind labor last lead legal level line list location lot machine maintenance
    maker manufacturer manufacturing material maximum max measure method minimum min model modified name net note notes
    number of on open operation order ordered organization parent part payment phone place plan planned plant point
    position post postal preferred price priority procurement product production province purchase purchased purchasing
    quantity rate reason received receipt reference region rejected related released remark reorder requested required
    reserved resource response revision routing row safety sale scheduled scrap scrapped sell serial service severity
    shelf ship shipment shipping site size standard start started state status stock stocked storeroom street style
    sub subcategory supply supplier tax team telephone term terms text title to total type unit updated url used user
    value vendor version warehouse web website weight work year zip""")


@lru_cache(maxsize=50_000)
def words_of(name: str) -> tuple[str, ...]:
    """`PurchaseOrder_No` and `purchaseorderno` are both purchase, order, number; in the singular, without marks."""
    found: list[str] = []
    for part in _CAMEL.findall(name):
        word = part.lower()
        for each in _MEANS.get(word) or _taken_apart(word):
            one = _singular(each)
            found += _MEANS.get(each) or _MEANS.get(one) or (one,)
    return tuple(found)


def bare(table: str) -> str:
    """A table's own name, without its schema and quotes."""
    parts = _PARTS.findall(table)
    return parts[-1].strip('"`[]') if parts else table


def ends_with(words: Sequence[str], phrase: Sequence[str]) -> bool:
    return len(words) >= len(phrase) and tuple(words[len(words) - len(phrase) :]) == tuple(phrase)


def without(words: tuple[str, ...], prefix: tuple[str, ...]) -> tuple[str, ...]:
    """The words behind those that only repeat their table's name."""
    return words[len(prefix) :] if prefix and words[: len(prefix)] == prefix else words


def _singular(word: str) -> str:
    if word in _SINGULAR or len(word) <= 3 or word.endswith("ss"):  # noqa: PLR2004 - too short to tell
        return word
    if word.endswith(("sses", "uses")):
        return word[:-2]
    return word[:-3] + "y" if word.endswith("ies") else word.removesuffix("s")


def _taken_apart(word: str) -> tuple[str, ...]:
    """The longest words first; the word itself where anything is left over."""
    if word in _VOCABULARY or _singular(word) in _VOCABULARY:
        return (word,)
    best: dict[int, tuple[str, ...]] = {0: ()}
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - 14), end):
            piece = word[start:end]
            known = piece in _VOCABULARY or piece in _MEANS or _singular(piece) in _VOCABULARY
            if start in best and known:
                found = (*best[start], piece)
                if end not in best or len(found) < len(best[end]):
                    best[end] = found
    return best.get(len(word), (word,))
