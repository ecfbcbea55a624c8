"""A browser without a screen: it signs in, fills forms, and insists on what every page owes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from contextvars import Context
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from tests.support.people import PASSWORD, Person
from webapp.accounts import queries, service


class Page(HTMLParser):
    """A page that was answered: its text, fields, links and what it owes to every reader."""

    def __init__(self, response: TestResponse) -> None:
        super().__init__(convert_charrefs=True)
        self.response = response
        self.status = response.status_code
        self.source = response.get_data(as_text=True)
        self.inputs: dict[str, str] = {}
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._words: list[str] = []
        self._silent = 0
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "input" and "name" in given and given.get("type") not in ("radio", "submit"):
            self.inputs[given["name"]] = given.get("value", "")
        if tag == "input" and given.get("type") == "radio" and "checked" in given:
            self.inputs[given["name"]] = given["value"]
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("script", "style", "svg"):
            self._silent += 1

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style", "svg"):
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._words.append(data)

    @property
    def text(self) -> str:
        """What a person reads, white space folded."""
        return " ".join(" ".join(self._words).split())

    def insist(self) -> Page:
        """Assert what every whole page owes: one h1, a title, unique ids, labels, nothing inline."""
        names = Counter(tag for tag, _ in self.tags)
        assert names["h1"] == 1, f"{names['h1']} h1"
        assert names["title"] >= 1
        ids = Counter(given["id"] for _, given in self.tags if "id" in given)
        assert not [name for name, count in ids.items() if count > 1], "ids repeat"
        labelled = {given.get("for") for tag, given in self.tags if tag == "label"}
        for tag, given in self.tags:
            if tag in ("select", "textarea") or (
                tag == "input" and given.get("type") not in ("hidden", "submit", "radio")
            ):
                assert given.get("id") in labelled or "aria-label" in given, f"no label: {given}"
            if tag == "script":
                assert given.get("src", "").startswith("/"), "inline or foreign script"
            assert tag != "style" and "style" not in given, "inline style"
            assert not [name for name in given if re.match(r"on[a-z]+$", name)], "inline handler"
        return self


class Browser:
    """One person's browser."""

    def __init__(self, app: Flask) -> None:
        self.app = app
        self.client = app.test_client()

    def sign_in(self, person: Person, password: str = PASSWORD) -> Browser:
        """Sign in through the page; returns itself."""
        answer = self.post("/login", {"email": person.email, "password": password}, form="/login")
        assert answer.status == 303, answer.text
        return self

    def is_signed_in(self, person: Person) -> Browser:
        """Open a session of theirs without the sign-in page, which takes its time; returns itself."""
        Context().run(self._open_session, person)
        return self

    def _open_session(self, person: Person) -> None:
        with self.app.app_context():
            opened = service.open_session(
                user=queries.find_user(person.id), lifetime=timedelta(hours=1)
            )
            with self.client.session_transaction() as cookie:
                cookie.permanent = True
                cookie["_user_id"] = str(opened.session.id)

    def get(
        self, url: str, *, htmx: bool = False, headers: Mapping[str, str] | None = None
    ) -> Page:
        """A page as answered; whole pages are held to what every page owes."""
        sent = {**(headers or {}), **({"HX-Request": "true"} if htmx else {})}
        page = Page(self._send("get", url, headers=sent))
        if page.status < 300 and not htmx and "text/html" in page.response.content_type:
            page.insist()
        return page

    def post(
        self, url: str, data: dict[str, Any], *, form: str | None = None, htmx: bool = False
    ) -> Page:
        """Send a form, with the form token (and hidden fields) of the page `form`, or of any page."""
        shown = self.get(form or "/transactions")
        hidden = {
            name: value
            for name, value in shown.inputs.items()
            if name == "csrf_token" or (form and name in ("submission_key", "version", "next"))
        }
        headers = {"HX-Request": "true"} if htmx else {}
        return Page(self._send("post", url, data={**hidden, **data}, headers=headers))

    def _send(self, method: str, url: str, **sent: Any) -> TestResponse:
        # In a context of its own: a test's application context must not leak into the request.
        response: TestResponse = Context().run(getattr(self.client, method), url, **sent)
        return response

    def follow(self, page: Page) -> Page:
        """Where an answer leads."""
        return self.get(page.response.headers["Location"])
