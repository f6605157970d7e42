"""Which way a server's culture writes a day in a filter: found by asking with a day that only one way can mean."""

from __future__ import annotations

from datetime import date
from typing import Final

from drivers.contract import SourceChanged
from drivers.soap.faults import SoapFault
from drivers.soap.pages.criteria import days
from drivers.soap.pages.faults import is_of_the_place, translated
from drivers.soap.pages.options import DATE_FORMATS
from drivers.soap.pages.service import PageService
from drivers.soap.pages.shape import PageShape

# No month has this number, so a culture that takes it takes it in the right order.
_TELLING: Final = date(2000, 2, 28)


class DayForms:
    def __init__(self, service: PageService) -> None:
        self._service = service
        self._found = service.options.date_format

    async def form(self, shape: PageShape) -> str:
        """Raises SourceChanged where the server understands none."""
        if self._found is None:
            self._found = await self._tried(shape)
        return self._found

    async def _tried(self, shape: PageShape) -> str:
        assert shape.replication is not None  # noqa: S101 - asked only of streams that have one
        last: SoapFault | None = None
        for form in DATE_FORMATS:
            criteria = days(_TELLING, _TELLING, form=form)
            try:
                await self._service.read_multiple(
                    shape.options.page,
                    shape.model,
                    [(shape.replication.name, criteria)],
                    size=1,
                    where=f"{shape.where}.replication_key",
                )
            except SoapFault as fault:
                last = fault
                if is_of_the_place(fault):
                    raise translated(fault, where=shape.where) from fault
                continue
            return form
        raise SourceChanged(
            f"the server takes no date in a filter as it was tried: {last.text if last else ''}",
            where="options.date_format",
            hint=f'Write one as the server\'s culture does, such as "%d/%m/%y"; tried: {", ".join(DATE_FORMATS)}.',
        ) from last
