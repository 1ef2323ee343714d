"""The sign-in form: the home's password once, then a cookie that opens pages, and never the API.

A browser sends cookies to every port of a machine, so that another user's page there could read this one: therefore it
opens nothing that changes or runs anything. Prefect's page gets the password where it keeps it itself, for its own port
alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import time
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

COOKIE = "wrist-pages"
SECONDS = 12 * 3600
MOST_BYTES = 4096
_SCRIPT = (
    "try{localStorage.removeItem('prefect-password')}catch(e){}"
    "const f=document.forms[0];if(f)f.addEventListener('submit',()=>{"
    "try{localStorage.setItem('prefect-password',btoa(f.password.value.trim()))}catch(e){}})"
)
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;margin:12vh auto;max-width:24rem;padding:0 1rem;"
    "color:#1b2733;background:#fff}"
    "input,button{font:inherit;width:100%;box-sizing:border-box;padding:.5rem;margin:.4rem 0;border:1px solid #8a97a5;"
    "border-radius:4px}button{background:#1f5fa8;color:#fff;border:0}.wrong{color:#a3231f}"
    "@media(prefers-color-scheme:dark){body{color:#e4e9ee;background:#161b21}input{background:#222a33;color:inherit}"
    ".wrong{color:#ff9a93}}"
)
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'; script-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
    + "'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


async def answer(request: Request, secret: bytes, origins: frozenset[str], base: str) -> Response:
    """The form; or, where it was sent with the password, the cookie and the page that was asked for."""
    if request.method == "GET":
        return _form(request.query_params.get("next", ""), base)
    origin = request.headers.get("origin")
    if request.method != "POST" or (origin is not None and origin not in origins):
        return _form("", base, "This form takes a password from its own page alone.", 403)
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return _form("", base, "That is too long for a password.", 413)
    sent = parse_qs(body.decode("utf-8", "replace"))
    wanted = sent.get("next", [""])[0]
    given = sent.get("password", [""])[0].strip().encode("utf-8", "replace")
    if not hmac.compare_digest(given, secret):
        return _form(wanted, base, "That is not this home's password.", 401)
    found = RedirectResponse(_local(wanted, base), 303, HEADERS)
    https = (origin or "").startswith("https://") or request.url.scheme == "https"
    found.set_cookie(
        COOKIE,
        _token(int(time.time()) + SECONDS, secret),
        max_age=SECONDS,
        path=f"{base}/",
        secure=https,
        httponly=True,
        samesite="lax",
    )
    return found


def out(base: str) -> Response:
    """A page that takes the cookie back, and the password that Prefect's page keeps."""
    text = f'<h1>Signed out</h1><p><a href="{base}/sign-in">Sign in</a></p>'
    found = HTMLResponse(_page("Signed out", text), 200, HEADERS)
    found.delete_cookie(COOKIE, path=f"{base}/")
    return found


def is_valid(token: str, secret: bytes) -> bool:
    """Whether this home's server gave the cookie, for a time that hasn't passed."""
    until = token.partition(".")[0]
    if not (until.isascii() and until.isdigit() and len(until) < 20):
        return False
    return hmac.compare_digest(token.encode("utf-8", "replace"), _token(int(until), secret).encode()) and (
        time.time() < int(until)
    )


def _token(until: int, secret: bytes) -> str:
    """until: seconds since 1970. Another password makes all earlier ones invalid."""
    return f"{until}.{hmac.new(secret, f'wrist pages until {until}'.encode(), hashlib.sha256).hexdigest()}"


def _local(wanted: str, base: str) -> str:
    """A path of this server, whatever was asked for."""
    is_local = wanted.startswith(f"{base}/") and wanted.isascii() and wanted.isprintable()
    outside = wanted.startswith(("//", "/\\")) or "\\" in wanted or wanted.startswith(f"{base}/login")
    return wanted if is_local and not outside else f"{base}/"


def _form(wanted: str, base: str, wrong: str = "", status: int = 200) -> Response:
    said = f'<p class="wrong" role="alert">{html.escape(wrong)}</p>' if wrong else ""
    text = (
        f'<h1>Wrist</h1>{said}<form method="post" action="{base}/sign-in"><label>Password '
        '<input name="password" type="password" autocomplete="current-password" required autofocus></label>'
        f'<input type="hidden" name="next" value="{html.escape(_local(wanted, base), quote=True)}">'
        "<button>Sign in</button></form><p>The whole of it, <code>wrist:…</code>: <code>wrist up</code> prints it the "
        "first time, and it stands in <code>prefect/password</code> of the home.</p>"
    )
    return HTMLResponse(_page("Sign in", text), status, HEADERS)


def _page(title: str, text: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" '
        f'content="width=device-width, initial-scale=1"><title>{title} · Wrist</title><style>{_STYLE}</style></head>'
        f"<body>{text}<script>{_SCRIPT}</script></body></html>"
    )
