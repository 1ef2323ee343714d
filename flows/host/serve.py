"""Prefect's server for a home, on 127.0.0.1: what `prefect server start` runs, behind a check of who asks, and as whom.

A page of another site that a browser shows could have its own name point at this server (DNS rebinding): requests under
any name but this machine's, and that of the public address, are refused. Who asks: front_door.py.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flows.host.environment import HOST, NAMES


def serve(port: int, public: tuple[str, int, str, str] | None = None) -> None:
    """Serve API and UI on 127.0.0.1 until a signal ends it; its settings come from the environment.

    public: host, port, certificate and key (or "") of the listener for people on other machines.
    """
    import uvicorn
    from fastapi.middleware.trustedhost import TrustedHostMiddleware
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    from db.home import home
    from flows.host import prefect_page
    from flows.host.front_door import FrontDoor
    from flows.host.listeners import Listeners
    from flows.host.report_pages import ReportPages

    server = get_current_settings().server
    assert server.api.auth_string is not None
    base = server.ui.serve_base.rstrip("/")
    origins = frozenset(server.api.cors_allowed_origins.split(","))
    prefect_page.leave_out_the_preview()
    app = create_app(final=True)
    if server.ui.static_directory is not None:
        for folder, _, _ in os.walk(server.ui.static_directory):  # Prefect's copy has the modes of the environment
            Path(folder).chmod(0o700)
        prefect_page.change(Path(server.ui.static_directory))
    door = FrontDoor(
        app,
        secret=server.api.auth_string.get_secret_value(),
        origins=origins,
        base=base,
        pages=ReportPages(home(), base),
    )
    names = {*NAMES, *(urlsplit(origin).hostname or "" for origin in origins)}
    kept: dict[str, Any] = {
        "app": TrustedHostMiddleware(door, allowed_hosts=sorted(names), www_redirect=False),
        "timeout_keep_alive": server.api.keepalive_timeout,
        "ws_ping_interval": server.api.websocket_ping_interval,
        "ws_ping_timeout": server.api.websocket_ping_timeout,
        "log_level": server.logging_level.lower(),
        "proxy_headers": False,
    }
    beside = None
    if public is not None:
        host, its_port, certificate, key = public
        beside = uvicorn.Config(
            host=host, port=its_port, ssl_certfile=certificate or None, ssl_keyfile=key or None, **kept
        )
    Listeners(uvicorn.Config(host=HOST, port=port, **kept), beside).run()
