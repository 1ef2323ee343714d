"""Under which address people reach a home's server, and where it listens for them: checked before anything starts.

Without options it is 127.0.0.1 alone. Nothing listens for other machines unless what reaches people is encrypted: by
the server's own certificate, or by a proxy that --public-url names with https.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from flows.host.environment import HOST, LOOPBACK, NAMES
from wrist_model.errors import UsageError

API = ("PREFECT_SERVER_UI_API_URL", "PREFECT_UI_API_URL")
BASE = ("PREFECT_SERVER_UI_SERVE_BASE", "PREFECT_UI_SERVE_BASE")
PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
OURS = ("api", "reports", "sign-in", "sign-out", "v2")  # what the server itself shows below its address


@dataclass(frozen=True)
class PublicAddress:
    """host, port: where the server listens for people. certificate, key: PEM files; None: it speaks plain HTTP there.
    origin: scheme, name and port that browsers use; "": those of 127.0.0.1. base: the path below which it is shown, or
    "". api_url: where Prefect's page asks its API.
    """

    host: str = HOST
    port: int | None = None
    certificate: Path | None = None
    key: Path | None = None
    origin: str = ""
    base: str = ""
    api_url: str = "/api"

    @property
    def is_apart(self) -> bool:
        """Whether people have a listener of their own; this machine's processes keep plain HTTP on 127.0.0.1."""
        return self.certificate is not None or self.host not in NAMES

    @property
    def is_default(self) -> bool:
        """Whether it is this machine's own address, of whichever port, and no other."""
        return not (self.is_apart or self.origin or self.base or self.api_url != "/api")

    def origins(self, port: int) -> list[str]:
        """Whose pages may ask. port: where the server listens on 127.0.0.1."""
        return [*(f"http://{name}:{port}" for name in NAMES), *([self.origin] if self.origin else [])]


def chosen(
    host: str,
    port: int,
    *,
    url: str | None,
    certificate: Path | None,
    key: Path | None,
    around: Mapping[str, str],
) -> PublicAddress:
    """What the options of `wrist up` and Prefect's settings for its page (in variables) ask for.

    Raises UsageError where they contradict each other, where a certificate can't be used, and where other machines
    would be spoken to without encryption.
    """
    host = HOST if host in NAMES else host
    if (certificate is None) != (key is None):
        raise UsageError("--tls-cert and --tls-key go together: the certificate and its key, both as PEM files.")
    if certificate is not None and key is not None:
        _require_pair(certificate, key)
        certificate, key = certificate.absolute(), key.absolute()  # the server works in a folder of its own
    api_url = next((around[name] for name in API if around.get(name)), "")
    base = next((_path(around[name], name) for name in BASE if around.get(name)), None)
    public = _address(url, "--public-url") if url else None
    if "://" in api_url:
        theirs = _address(re.sub(r"/api/?$", "", api_url), " or ".join(API))
        if public is not None and _origin(public) != _origin(theirs):
            raise UsageError(f"--public-url and {' or '.join(API)} name different addresses; give one of them.")
        public = public or theirs
    if public is None and certificate is not None:
        public = _address(f"https://{host}:{port}", "--host")
    if public is not None and base is None:
        base = public.path
    elif public is not None and url and public.path != base:
        raise UsageError(f"--public-url and {' or '.join(BASE)} name different paths; give one of them.")
    found = PublicAddress(
        host, port, certificate, key, _origin(public) if public else "", base or "", api_url or f"{base or ''}/api"
    )
    _require_encryption(found)
    return found


def _require_encryption(found: PublicAddress) -> None:
    if found.certificate is not None and not found.origin.startswith("https://"):
        raise UsageError("With --tls-cert the address is an https one: --public-url https://NAME:PORT")
    if not _is_loopback(found.host) and not found.origin.startswith("https://"):
        raise UsageError(
            f"--host {found.host} would send the password over the network as it stands: give --tls-cert and "
            "--tls-key or, where a proxy encrypts, its address, --public-url https://NAME/: see docs/operations.md."
        )


def _address(text: str, named: str) -> SplitResult:
    """An http(s) address with its path normalised. Raises UsageError."""
    with suppress(ValueError):
        found = urlsplit(text)
        name, _ = found.hostname or "", found.port
        odd = found.username is not None or found.query or found.fragment or not re.fullmatch(r"[a-z0-9.-]+", name)
        if found.scheme in ("http", "https") and name and not _is_any(name) and not odd:
            if found.scheme == "http" and not _is_loopback(name):
                raise UsageError(f"{named}: the password would go over the network as it stands; use https.")
            return found._replace(path=_path(found.path, named))
    raise UsageError(f"{named}: expected the address that browsers use, such as https://wrist.example.org/some/path/")


def _path(text: str, named: str) -> str:
    """A path without a slash at its end. Raises UsageError."""
    path = text.rstrip("/")
    if not PATH.fullmatch(path) or path.split("/")[1:2] == [""] or path.split("/")[1:2] in [[name] for name in OURS]:
        raise UsageError(f"{named}: a path of letters, digits, '-', '_', '.' and '~' that begins with none of {OURS}.")
    return path


def _origin(address: SplitResult) -> str:
    """As browsers send it: without the scheme's own port."""
    own = {"https": 443, "http": 80}[address.scheme]
    port = "" if address.port in (None, own) else f":{address.port}"
    return f"{address.scheme}://{address.hostname}{port}"


def _is_loopback(host: str) -> bool:
    try:
        return host in LOOPBACK or ipaddress.ip_address(host).is_loopback
    except ValueError:  # another name
        return False


def _is_any(host: str) -> bool:
    """Whether it stands for all addresses of a machine, and so for none that a browser could ask."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _require_pair(certificate: Path, key: Path) -> None:
    for file in (certificate, key):
        try:
            file.read_bytes()
        except OSError as error:
            raise UsageError(f"{file}: can't be read: {error.strerror}.") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, ValueError):
        raise UsageError(
            f"{certificate} and {key}: expected a certificate (or chain) and its key without a passphrase, as PEM."
        ) from None
