"""Who gets in at a home's server, asked before Prefect's own check, which stays behind this one.

Prefect's own logs a traceback for a password beyond ASCII and for a message that is no JSON, looks at no websocket's
origin, and answers under /docs and /ui-settings whoever asks. Here all is closed but what a sign-in needs.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from flows.host import sign_in
from wrist_model.terminal_text import escaped

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PROBES = ("/api/health", "/api/ready")
STATIC = ("/assets/", "/ico/", "/favicon", "/robots.txt")  # Prefect's page itself, the same for everybody
FIRST_MESSAGE_SECONDS = 20.0
POLICY, UNUSABLE = 1008, 1007  # codes that end a websocket


class FrontDoor:
    """The server behind the home's password.

    secret: the password. origins: whose pages may ask. base: the path below which a proxy shows the server, or "".
    pages: what answers below /reports/, for whoever is signed in.
    """

    def __init__(self, app: App, *, secret: str, origins: frozenset[str], base: str, pages: App | None = None) -> None:
        self.app, self.pages = app, pages
        self.secret, self.origins, self.base = secret.encode(), origins, base

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(self._inner(scope), receive, send)
        else:
            await self.app(scope, receive, send)

    def _inner(self, scope: Scope) -> Scope:
        """Without the base, where it isn't Prefect's page that is asked for: that one lies below it itself. And with
        the scheme that the browser used, where a proxy has done the encryption."""
        if f"https://{Headers(scope=scope).get('host', '')}" in self.origins:
            scope = {**scope, "scheme": "wss" if scope["type"] == "websocket" else "https"}
        path = str(scope["path"])
        if not self.base or not path.startswith(f"{self.base}/"):
            return scope
        inner = path.removeprefix(self.base)
        ours = inner.startswith(("/api/", "/reports/")) or inner in ("/api", "/reports", "/sign-in", "/sign-out")
        return {**scope, "path": inner, "raw_path": quote(inner).encode()} if ours else scope

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope = self._inner(scope)
        app = await self._chosen(Request(scope, receive))
        await app(scope, receive, send)

    async def _chosen(self, request: Request) -> App:
        """What answers this request."""
        path, method = str(request.scope["path"]), request.method
        if path == "/sign-in":
            return await sign_in.answer(request, self.secret, self.origins, self.base)
        if path == "/sign-out":
            return sign_in.out(self.base)
        known = self._has_password(request.headers)
        if path == "/api" or path.startswith("/api/"):
            known |= (method == "GET" and path in PROBES) or method == "OPTIONS"
        elif not known and method in ("GET", "HEAD"):
            known = sign_in.is_valid(request.cookies.get(sign_in.COOKIE, ""), self.secret)
            known |= path.removeprefix(self.base).startswith(STATIC)
            if not known and "text/html" in request.headers.get("accept", ""):
                return self._to_the_form(path)
        if not known:
            return JSONResponse({"exception_message": "Unauthorized"}, 401)
        if self.base and path in ("/", self.base):
            return RedirectResponse(f"{self.base}/", 307)
        if self.pages is not None and (path == "/reports" or path.startswith("/reports/")):
            return self.pages
        return self.app

    def _to_the_form(self, path: str) -> Response:
        wanted = path if path.startswith(f"{self.base}/") or not self.base else self.base + path
        return RedirectResponse(f"{self.base}/sign-in?next={quote(wanted)}", 303, {"Cache-Control": "no-store"})

    def _has_password(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        try:
            said = base64.b64decode(given.strip().encode("ascii"), validate=True)
        except (binascii.Error, UnicodeError):
            return False
        return scheme == "Basic" and hmac.compare_digest(said, self.secret)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Prefect's own protocol: accepted first, then the password in the first message. Anything else is closed
        without a word in the log."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        spoken = [word.strip() for word in headers.get("sec-websocket-protocol", "").split(",")]
        if (origin is not None and origin not in self.origins) or "prefect" not in spoken:
            return await send({"type": "websocket.close", "code": POLICY, "reason": "refused"})
        let_in, closed = False, False

        async def checked() -> Message:
            nonlocal let_in
            if let_in:
                return await receive()
            message = await asyncio.wait_for(receive(), FIRST_MESSAGE_SECONDS)
            if message["type"] == "websocket.receive":
                if not self._signs_in(message):
                    raise _NotLetIn
                let_in = True
            return message

        async def told(message: Message) -> None:
            nonlocal closed
            closed |= message["type"] == "websocket.close"
            await send(message)

        try:
            await self.app(scope, checked, told)
        except Exception as error:
            if let_in:
                said = escaped(f"A message of the websocket {scope['path']!r} can't be used: {type(error).__name__}")
                logging.getLogger("uvicorn.error").warning(said)
            if not closed:
                await _closed(send, UNUSABLE if let_in else POLICY)

    def _signs_in(self, message: Message) -> bool:
        try:
            said = json.loads(message.get("text") or "")
            return said["type"] == "auth" and hmac.compare_digest(str(said["token"]).encode(), self.secret)
        except (ValueError, TypeError, KeyError, RecursionError):  # no JSON, no object; half a surrogate
            return False


class _NotLetIn(Exception):
    """The first message of a websocket doesn't hold the password."""


async def _closed(send: Send, code: int) -> None:
    try:
        await send({"type": "websocket.close", "code": code, "reason": "refused" if code == POLICY else "unusable"})
    except Exception:  # the other side has gone
        return
