"""The product's proxy: nginx, with the configuration that is shipped."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.e2e.processes import free_port, wait_until
from tests.support.certificates import Certificate, self_signed
from webapp.kernel.config import PROJECT_ROOT

SHIPPED = PROJECT_ROOT / "deploy" / "nginx.conf"
AROUND = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
{user}
events {{ worker_connections 768; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    include {folder}/areamedica.conf;
}}
"""


class Proxy:
    """An nginx that runs in front of the application, under the name localhost."""

    def __init__(self, folder: Path, certificate: Certificate) -> None:
        self.folder = folder
        self.certificate = certificate
        self.port, self.plain_port = free_port(), free_port()
        self.url = f"https://localhost:{self.port}"
        self.plain_url = f"http://localhost:{self.plain_port}"

    def write(self, application_port: int) -> Path:
        """Write the shipped configuration with the names, ports and files of this test."""
        (self.folder / "areamedica.conf").write_text(
            replaced(
                SHIPPED.read_text(),
                {
                    "server 127.0.0.1:8000;": f"server 127.0.0.1:{application_port};",
                    "listen 80;": f"listen 127.0.0.1:{self.plain_port};",
                    "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
                    "pagos.clinic.example": "localhost",
                    "/etc/ssl/areamedica/certificate.pem": str(self.certificate.path),
                    "/etc/ssl/areamedica/key.pem": str(self.certificate.key),
                },
            )
        )
        main = self.folder / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""
        main.write_text(AROUND.format(folder=self.folder, user=user))
        return main

    def answers(self) -> bool:
        """Return whether the proxy listens."""
        try:
            requests.get(self.plain_url, timeout=5, allow_redirects=False)
        except requests.RequestException:
            return False
        return True


@contextmanager
def nginx(folder: Path, application_port: int) -> Iterator[Proxy]:
    """Run the proxy; skips the test where there is no nginx."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("the proxy is nginx: apt-get install nginx")
    proxy = Proxy(folder, self_signed(folder, "localhost"))
    main = proxy.write(application_port)
    with subprocess.Popen([program, "-p", str(folder), "-c", str(main)]) as process:
        try:
            wait_until(proxy.answers, seconds=20, describe="nginx listens")
            yield proxy
        finally:
            process.terminate()


def replaced(text: str, words: dict[str, str]) -> str:
    """Replace words of which every one must be there."""
    for old, new in words.items():
        assert re.search(re.escape(old), text), f"the configuration has no {old!r}"
        text = text.replace(old, new)
    return text
