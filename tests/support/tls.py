"""A private certificate authority, made anew for each test run; nothing is kept on disk but what a test asks for."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Authority:
    """A certificate authority that nobody trusts unless told to."""

    def __init__(self) -> None:
        self._ca = trustme.CA()

    def ca_file(self, directory: Path) -> str:
        """Write the authority's certificate into ``directory`` and return the path."""
        path = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(path)
        return str(path)

    def server_context(self, *names: str, wants_client_certificate: bool = False) -> ssl.SSLContext:
        """Return the context of a server that is known as ``names``, host names or addresses."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(names or ("127.0.0.1", "localhost"))).configure_cert(context)
        if wants_client_certificate:
            self._ca.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def client_context(self, certificate_for: str | None = None) -> ssl.SSLContext:
        """Return a context that trusts this authority, with a client certificate for an e-mail address if wanted."""
        context = ssl.create_default_context()
        self._ca.configure_trust(context)
        if certificate_for is not None:
            self._ca.issue_cert(certificate_for).configure_cert(context)
        return context
