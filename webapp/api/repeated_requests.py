"""`Idempotency-Key`: a request sent again is carried out once (draft-ietf-httpapi-idempotency-key-header)."""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Iterator
from contextlib import suppress

import structlog
from flask import Response, current_app, g, json, request
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from webapp.api.contract.operation import current_operation
from webapp.api.contract.refusals import NEVER_KEPT
from webapp.idempotency import kept_answers
from webapp.idempotency.kept_answers import KeptAnswer, Lease
from webapp.kernel.config import Settings
from webapp.kernel.errors import Conflict
from webapp.kernel.i18n import lazy_gettext as _l
from webapp.web.error_pages import problem_content
from webapp.web.guard import actor

log = structlog.get_logger(__name__)

HEADER = "Idempotency-Key"
KEPT_HEADERS = ("Content-Type", "ETag", "Location")
"""The headers that are kept with a response."""

_KEY = re.compile(r"[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?", re.ASCII)


class SecretShownOnce(Conflict):
    """The first request was carried out and showed a secret, which was not kept."""

    code = "secret_shown_once"
    sentence = _l(
        "Esta solicitud ya se cumplió y su secreto se mostró una sola vez. Si no lo recibió, "
        "revoque la llave o renueve el secreto del webhook con otra Idempotency-Key."
    )


def begin() -> ResponseReturnValue | None:
    """Take the key of the request, or return the kept response where its first request is finished.

    Raises Invalid for a malformed key, KeyInFlight, KeyReused.
    """
    operation = current_operation()
    given = request.headers.get(HEADER)
    if operation is None or not operation.idempotent or given is None:
        return None
    if not _KEY.fullmatch(given):
        raise kept_answers.malformed_key()
    owner = actor().id
    if owner is None:
        return None
    taken = kept_answers.lease_key(
        owner_id=owner,
        key=given,
        route=f"{request.method} {request.url_rule}",
        digests=list(_digests()),
        lasting=operation.lease or kept_answers.LEASE_LENGTH,
    )
    if isinstance(taken, Lease):
        g.idempotency_lease = taken
        return None
    return _replay(taken)


def complete(response: Response) -> Response:
    """Keep the response, or release the key where the response decided nothing."""
    lease: Lease | None = g.pop("idempotency_lease", None)
    if lease is None:
        return response
    try:
        if response.status_code >= 500 or response.status_code in NEVER_KEPT:
            kept_answers.release(lease=lease)
        else:
            kept_answers.keep(lease=lease, answer=_to_keep(response))
    except SQLAlchemyError as error:
        # The work is committed. The lease expires, and a repeated request finds what this one made.
        log.error("idempotency_key_left", kind=type(error).__name__)
    return response


def submission_key() -> str:
    """Return the key of this submission for `service.log`: the same for the same Idempotency-Key."""
    lease: Lease | None = g.get("idempotency_lease")
    if lease is None:
        return uuid.uuid4().hex
    return hashlib.sha256(f"idempotency:{lease.key}".encode()).hexdigest()


def _digests() -> Iterator[str]:
    """Digest what makes two requests the same, under every key in force, the newest first.

    Keyed, because a body may hold a password: a plain digest of it could be tried against a list of passwords.
    """
    content = _content()
    settings: Settings = current_app.config["SETTINGS"]
    for secret in settings.signing_keys:
        key = hashlib.sha256(f"idempotency:{secret}".encode()).digest()
        yield hmac.new(key, content, hashlib.sha256).hexdigest()


def _content() -> bytes:
    """Return what makes two requests the same: method, address, query, If-Match, and the body's content."""
    body = request.get_data()
    content = request.get_json(silent=True) if request.is_json else None
    if content is not None:
        with suppress(RecursionError):  # nested to the limit: then the bytes are compared
            body = json.dumps(content, sort_keys=True).encode()
    address = request.path.rstrip("/").encode("utf-8", "replace")
    condition = request.headers.get("If-Match", "").encode("utf-8", "replace")
    parts = (request.method.encode(), address, request.query_string, condition, body)
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _to_keep(response: Response) -> KeptAnswer:
    """Return what a repeated request gets: the response, or a refusal in place of one that shows a secret."""
    operation = current_operation()
    if operation is not None and operation.shows_secret and response.status_code < 300:
        made = json.loads(response.get_data())
        refusal = SecretShownOnce(extra={"id": made["id"]})
        body = json.dumps(problem_content(refusal)).encode()
        return KeptAnswer(refusal.status, {"Content-Type": "application/problem+json"}, body)
    headers = {name: response.headers[name] for name in KEPT_HEADERS if name in response.headers}
    return KeptAnswer(response.status_code, headers, response.get_data())


def _replay(kept: KeptAnswer) -> Response:
    """Return the kept response, marked as such."""
    body = kept.body
    if kept.headers.get("Content-Type", "").startswith("application/problem+json"):
        # The problem names this request, as its header and the log do.
        body = json.dumps({**json.loads(body), "request_id": g.get("request_id", "")}).encode()
    response = Response(body, kept.status, kept.headers)
    response.headers["Idempotent-Replayed"] = "true"
    return response
