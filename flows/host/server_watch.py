"""Keeps the server of `wrist up` answering: started again when it has ended, given time when it is silent."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from db.engine import open_catalogue, reading
from db.home import prefect_folder
from db.leases import holders
from flows.host.crash_recovery import runs_with_a_process
from flows.host.prefect_api import answers
from flows.host.public_address import PublicAddress
from flows.host.server import LOCAL, Deaths, Say, last_line, running
from flows.host.server_record import living, port_of
from wrist_model.errors import CatalogueError, WristError

SILENT_SECONDS = 90.0
"""A server that lives and doesn't answer for so long, while nothing runs, is ended and started again."""
PAUSES = (0.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Before a restart, after so many in a row that were of no use: what ends it may go away, and must not fill the log."""


class ServerWatch:
    """Of one home's server, which listens at url, and for people at address."""

    def __init__(self, home: Path, url: str, say: Say, address: PublicAddress = LOCAL) -> None:
        self.home, self.url, self.address, self._say = home, url, address, say
        self._restarts, self._in_a_row = 0, 0  # in a row: of no use, one after the other
        self._started = time.monotonic()
        self._start_at: float | None = None
        self._silent_since: float | None = None

    def look(self) -> None:
        """See to it that the server answers, or will.

        A server that lives is not started again beside itself: a locked database keeps one silent for a minute.
        """
        if any(answers(self.url, 10) for _ in range(3)):
            if self._silent_since is not None:
                self._say("… the server answers again.")
            self._silent_since = None
            if time.monotonic() - self._started > Deaths.SOON_SECONDS:
                self._in_a_row = 0
            return
        found = living(self.home)
        if found is None:
            self._silent_since = None
            self._start_again()
        elif self._silent_since is None:
            self._silent_since = time.monotonic()
            self._say("The Prefect server doesn't answer, though it is there; waiting for it …")
        elif time.monotonic() - self._silent_since > SILENT_SECONDS and not self._is_at_work():
            self._say(f"The Prefect server has not answered for {SILENT_SECONDS:.0f} s; ending it. {self._last_line()}")
            os.kill(found[1], signal.SIGKILL)  # one that was stopped hears nothing else

    def _is_at_work(self) -> bool:
        """Whether a run's process is there, or somebody holds what one works on: a run without its server fails."""
        if runs_with_a_process():
            return True
        try:
            with reading(open_catalogue(self.home)) as connection:
                return any(one.lost is None for one in holders(connection))
        except CatalogueError:  # it can't be told now
            return True

    def _start_again(self) -> None:
        if self._start_at is None:
            pause = PAUSES[min(self._in_a_row, len(PAUSES) - 1)]
            self._start_at = time.monotonic() + pause
            self._restarts, self._in_a_row = self._restarts + 1, self._in_a_row + 1
            when = f" in {pause:.0f} s" if pause else ""
            self._say(f"The Prefect server has ended; restart {self._restarts}{when} … {self._last_line()}")
        if time.monotonic() < self._start_at:
            return
        self._start_at = None
        try:
            with running(self.home, say=lambda _: None, port=port_of(self.url), address=self.address):
                self._say("… it answers again.")
        except WristError as error:
            self._say(f"… not yet: {error}")
        self._started = time.monotonic()

    def _last_line(self) -> str:
        return last_line(prefect_folder(self.home) / "server.log")
