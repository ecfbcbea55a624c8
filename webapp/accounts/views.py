"""Signing in and out."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webapp.accounts import service, signin
from webapp.accounts.forms import LoginForm
from webapp.kernel.errors import NotSignedIn
from webapp.kernel.i18n import gettext as _
from webapp.throttling.attempts import failed_sign_ins
from webapp.web.guard import public, signed_in

bp = Blueprint("accounts", __name__)


@bp.route("/login", methods=["GET", "POST"])
@public
@failed_sign_ins
def login() -> ResponseReturnValue:
    """Show the sign-in form, or sign in; one neutral sentence says that it failed."""
    form = LoginForm()
    if current_user.is_authenticated:
        return redirect(signin.local_path(request.args.get("next")) or "/", code=303)
    if request.method != "POST":
        form.next.data = request.args.get("next", "")
        return render_template("accounts/login.html", form=form)
    if not form.validate():
        stale = bool(form.csrf_token.errors)
        return render_template("accounts/login.html", form=form), 400 if stale else 422
    try:
        user = service.authenticate(email=form.email.data or "", password=form.password.data or "")
        signin.sign_in(user)
    except NotSignedIn as refusal:
        form.form_errors.append(str(refusal.sentence))
        return render_template("accounts/login.html", form=form), 401
    return redirect(signin.local_path(form.next.data) or "/", code=303)


@bp.post("/logout")
@signed_in
def logout() -> ResponseReturnValue:
    """End the session on the server, not only in this browser."""
    signin.sign_out()
    flash(_("Cerró la sesión."), "success")
    return redirect(url_for("accounts.login"), code=303)
