"""Files for TLS: a client certificate (mutual TLS) and the certificates of a private authority."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mappings.errors import DefinitionError

Certificate = str | tuple[str, str]


@dataclass(frozen=True)
class Tls:
    """``verify``: True for the usual authorities, or a file of the only ones trusted. ``certificate``: a PEM file with
    certificate and key, or one of each. The key has no passphrase: nobody is there to type it."""

    verify: bool | str = True
    certificate: Certificate | None = None


def tls_of(cert: Path | None, key: Path | None, ca: Path | None) -> Tls:
    """The files, read once so that a fault in them is told by name and before anything is sent.

    Raises:
        DefinitionError: a file cannot be read, is no PEM, or key and certificate do not belong together.
    """
    for name, file in (("cert", cert), ("key", key), ("ca", ca)):
        if file is not None and not _readable(file):
            raise DefinitionError(f"tls.{name}: there is no file that can be read where the sites file says")
    if ca is not None and not _loads(lambda context: context.load_verify_locations(str(ca))):
        raise DefinitionError("tls.ca: holds no certificate in PEM form")
    certificate: Certificate | None = None
    if cert is not None:
        # Without a password function OpenSSL asks the terminal for the passphrase and waits.
        if not _loads(lambda context: context.load_cert_chain(str(cert), str(key or cert), password=lambda: "")):
            raise DefinitionError(
                "tls.cert: certificate and key must be PEM, belong together, and the key have no passphrase"
            )
        certificate = str(cert) if key is None else (str(cert), str(key))
    return Tls(True if ca is None else str(ca), certificate)


def _readable(file: Path) -> bool:
    try:
        with file.open("rb"):
            return True
    except OSError:
        return False


def _loads(load: Callable[[ssl.SSLContext], None]) -> bool:
    try:
        load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except (ssl.SSLError, OSError, ValueError):
        return False
    return True
