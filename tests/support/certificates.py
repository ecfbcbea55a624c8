"""Certificates that only those believe who are given them."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, on disk."""

    path: Path
    """What believers are given."""
    key: Path

    def serving(self) -> ssl.SSLContext:
        """What a server presents it with."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path, self.key)
        return context


def self_signed(folder: Path, name: str) -> Certificate:
    """A new certificate for the host `name`; skips the test where there is no openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("certificates are made by openssl")
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 "
        f"-subj /CN={name} -addext subjectAltName=DNS:{name}"
    )
    files = ["-keyout", str(made.key), "-out", str(made.path)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return made
