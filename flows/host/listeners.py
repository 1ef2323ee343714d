"""An application on 127.0.0.1, and beside it, where people on other machines are meant, on another address."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn


class Listeners(uvicorn.Server):
    """What `local` says, and the same application by what `public` says: one start, one end, one set of signals."""

    def __init__(self, local: uvicorn.Config, public: uvicorn.Config | None) -> None:
        super().__init__(local)
        self._public = public

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """The local one first: whoever asks at the other one finds the application ready."""
        await super().startup(sockets)
        public = self._public
        if public is None or not self.started:
            return
        public.load()

        def protocol() -> asyncio.Protocol:
            kind: Any = public.http_protocol_class
            made: asyncio.Protocol = kind(
                config=public, server_state=self.server_state, app_state=self.lifespan.state, _loop=None
            )
            return made

        loop = asyncio.get_running_loop()
        self.servers.append(
            await loop.create_server(
                protocol, host=public.host, port=public.port, ssl=public.ssl, backlog=public.backlog
            )
        )
