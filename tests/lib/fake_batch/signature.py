"""Batch's SharedKey signatures and the age of a request, as the service checks them."""

import base64
import email.utils
import hashlib
import hmac
import time
import urllib.parse

from .faults import Fault

SIGNED_HEADERS = (
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
)
ALLOWED_SKEW = 15 * 60


def string_to_sign(account, method, target, headers):
    """`target`: the path with its query, as sent. `headers`: a mapping of names to values."""
    by_name = {name.lower(): value.strip() for name, value in headers.items()}
    if "ocp-date" in by_name:
        by_name.pop("date", None)  # ocp-date stands for it
    path, _, query = target.partition("?")
    lines = [method.upper()]
    lines += [by_name.get(name, "") for name in SIGNED_HEADERS]
    lines += [f"{name}:{by_name[name]}" for name in sorted(by_name) if name.startswith("ocp-")]
    lines.append(f"/{account}{path}")
    parameters = urllib.parse.parse_qsl(query, keep_blank_values=True)
    lines += [
        f"{name}:{value}" for name, value in sorted((name.lower(), value) for name, value in parameters)
    ]
    return "\n".join(lines)


def sign(key, text):
    """`key`: base64, as the portal shows it."""
    return base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()


def authorization(account, key, method, target, headers):
    return f"SharedKey {account}:{sign(key, string_to_sign(account, method, target, headers))}"


def refuse(detail):
    raise Fault("AuthenticationFailed", [("AuthenticationErrorDetail", detail)])


def check_date(headers, required, now=None):
    date = headers.get("ocp-date") or headers.get("Date")
    if date is None:
        if required:
            refuse("There is neither ocp-date nor Date in the request.")
        return
    try:
        sent = email.utils.parsedate_to_datetime(date)
    except (TypeError, ValueError):
        sent = None
    # RFC 1123 as Azure reads it: one form, and GMT.
    if sent is None or email.utils.format_datetime(sent, usegmt=True) != date:
        refuse(f"The date is not of RFC 1123's form: '{date}'")
    if abs(sent.timestamp() - (time.time() if now is None else now)) > ALLOWED_SKEW:
        refuse(f"The request's date is more than 15 minutes off: '{date}'")


def check_shared_key(account, key, method, target, headers):
    """Raises where the Authorization header is not that of this account and key."""
    scheme, _, credentials = headers.get("Authorization", "").partition(" ")
    name, colon, signature = credentials.partition(":")
    if scheme != "SharedKey" or not colon:
        refuse("Authorization is not 'SharedKey ACCOUNT:SIGNATURE'.")
    if name != account:
        refuse(f"The account '{name}' is not known here.")
    text = string_to_sign(account, method, target, headers)
    if not hmac.compare_digest(signature, sign(key, text)):
        shown = text.replace("\n", "\\n")
        refuse(
            f"The MAC signature found in the HTTP request '{signature}' is not the same as any computed "
            "signature. "
            f"Server used following string to sign: '{shown}'."
        )
