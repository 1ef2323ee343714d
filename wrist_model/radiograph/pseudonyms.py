"""Keyed pseudonyms: HMAC-SHA-256 (RFC 2104) of an identifier under a key that stays on this machine.

Nobody can try all patient numbers against a pseudonym without the key. Losing the key loses nothing catalogued, but
files seen later would get other pseudonyms: keep a copy of `identity.key` where you keep other secrets.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from wrist_model import secret_file
from wrist_model.errors import CatalogueError

KEY_BYTES = 32


@dataclass(frozen=True)
class IdentityKey:
    """The installation's key; picklable, so that workers can pseudonymise before anything leaves them."""

    secret: bytes = field(repr=False)

    @classmethod
    def load_or_make(cls, path: Path) -> IdentityKey:
        """The key in a file, made (mode 0600) on first use. Two processes at once end with one key.

        Raises CatalogueError when the file is not a key, when others may read it, or its folder can't be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                secret_file.make(path, secrets.token_hex(KEY_BYTES))
            secret = bytes.fromhex(secret_file.read(path))
        except OSError as error:
            raise CatalogueError(f"{path}: can't read or make the identity key: {error.strerror}.") from None
        except ValueError:
            secret = b""
        if len(secret) != KEY_BYTES:
            raise CatalogueError(
                f"{path}: not an identity key; expected {2 * KEY_BYTES} hexadecimal digits. Put back the copy you kept."
            )
        return cls(secret)

    @property
    def fingerprint(self) -> str:
        """Names the key without telling it: what a catalogue stores to refuse another key."""
        return self._digest("fingerprint", "")

    def patient(self, namespace: str, raw: str) -> str:
        """`pt-…` for a patient identifier, which is unique within its namespace (the source)."""
        return "pt-" + self._digest("patient", namespace, raw)

    def number(self, raw: str) -> str:
        """`nu-…` for a patient identifier whatever its namespace: tells numbers that two sources share."""
        return "nu-" + self._digest("number", raw)

    def study(self, namespace: str, raw: str) -> str:
        """`st-…` for a study identifier, unique within its namespace."""
        return "st-" + self._digest("study", namespace, raw)

    def image(self, namespace: str, raw_study: str, name: str) -> str:
        """`im-…` for a file or frame within its study; its content plays no part."""
        return "im-" + self._digest("image", namespace, raw_study, name)

    def path(self, relative: str) -> str:
        """`pa-…` for a path below its root, for sources whose paths may carry names."""
        return "pa-" + self._digest("path", relative)

    def term(self, kind: str, text: str) -> str:
        """A pseudonym for any other text that groups images without being told, such as a manufacturer."""
        return "tm-" + self._digest("term", kind, text)

    def seal(self, text: str) -> str:
        """A keyed hash of a text that Wrist wrote: whoever doesn't read the key can't alter the text."""
        return self._digest("seal", text)

    def _digest(self, *parts: str) -> str:
        # Lengths before parts: ("ab", "c") and ("a", "bc") stay apart. surrogateescape: file names may not be UTF-8.
        message = b"".join(
            len(data).to_bytes(8, "big") + data for data in (part.encode("utf-8", "surrogateescape") for part in parts)
        )
        return hmac.digest(self.secret, message, hashlib.sha256).hex()[:32]
