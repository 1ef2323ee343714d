"""Prefect's server for a home, on 127.0.0.1: what `prefect server start` runs, behind a check of who asks, and as whom.

A page of another site that a browser on this machine shows could have its own name point at 127.0.0.1 (DNS rebinding):
requests under any name but this machine's are refused. Who asks: front_door.py.
"""

from __future__ import annotations

import os
from pathlib import Path

from flows.host.environment import HOST, NAMES


def serve(port: int) -> None:
    """Serve API and UI until a signal ends it; its settings come from the environment."""
    import uvicorn
    from fastapi.middleware.trustedhost import TrustedHostMiddleware
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    from db.home import home
    from flows.host.front_door import FrontDoor
    from flows.host.report_pages import ReportPages

    server = get_current_settings().server
    assert server.api.auth_string is not None
    base = server.ui.serve_base.rstrip("/")
    app = create_app(final=True)
    for folder, _, _ in os.walk(server.ui.static_directory or ""):  # Prefect's copy has the modes of the environment
        Path(folder).chmod(0o700)
    door = FrontDoor(
        app,
        secret=server.api.auth_string.get_secret_value(),
        origins=frozenset(server.api.cors_allowed_origins.split(",")),
        base=base,
        pages=ReportPages(home(), base),
    )
    uvicorn.run(
        TrustedHostMiddleware(door, allowed_hosts=list(NAMES), www_redirect=False),
        host=HOST,
        port=port,
        timeout_keep_alive=server.api.keepalive_timeout,
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
        log_level=server.logging_level.lower(),
        proxy_headers=False,
    )
