"""Where tokens come from: Entra's endpoint for client credentials, and the instance metadata service.

Script: "entra": {"tenant", "client_id", "client_secret", "scope", "expires_in", "uses", "token"} and
        "imds": {"client_id", "resource", "expires_in", "uses", "token"}.
What is left out is not compared, but for IMDS's client_id; scope and resource are those of Batch. `uses`:
after so many requests the service takes the token for expired, so that a test of renewal need not wait.
"""

import re
import time
import urllib.parse

SCOPE = "https://batch.core.windows.net//.default"  # two slashes: the resource's own is one of them
RESOURCE = "https://batch.core.windows.net/"
ENTRA_PATH = re.compile(r"/([^/]+)/oauth2/v2\.0/token")
IMDS_PATH = "/metadata/identity/oauth2/token"


class Tokens:
    """Tokens that the service takes, and how often still (None: always)."""

    def __init__(self, fixed=None):
        self.left = {fixed: None} if fixed else {}
        self.issued = 0

    def issue(self, said):
        self.issued += 1
        token = said.get("token", f"issued-token-{self.issued}")
        self.left[token] = said.get("uses")
        return token

    def use(self, token):
        """A sentence where the service refuses the token."""
        if token not in self.left:
            return "The access token is not known here."
        if self.left[token] == 0:
            return "The access token has expired."
        if self.left[token] is not None:
            self.left[token] -= 1
        return None


def is_identity_path(path):
    return path == IMDS_PATH or ENTRA_PATH.fullmatch(path) is not None


def entra_error(status, error, number, text):
    return status, {
        "error": error,
        "error_description": f"AADSTS{number}: {text}",
        "error_codes": [number],
        "timestamp": time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime()),
    }


def entra(said, tokens, path, headers, body):
    """Status and JSON body."""
    tenant = ENTRA_PATH.fullmatch(path).group(1)
    if headers.get("Content-Type", "").split(";")[0].strip() != "application/x-www-form-urlencoded":
        return entra_error(
            400, "invalid_request", 900144, "the body must contain the parameter 'grant_type'."
        )
    form = dict(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
    for name in ("grant_type", "client_id", "client_secret", "scope"):
        if name not in form:
            return entra_error(
                400, "invalid_request", 900144, f"the body must contain the parameter '{name}'."
            )
    if form["grant_type"] != "client_credentials":
        return entra_error(400, "unsupported_grant_type", 70003, "the grant type is not supported.")
    if tenant != said.get("tenant", tenant):
        return entra_error(400, "invalid_request", 90002, f"tenant '{tenant}' was not found.")
    if form["client_id"] != said.get("client_id", form["client_id"]):
        return entra_error(
            400,
            "unauthorized_client",
            700016,
            f"the application '{form['client_id']}' was not found in the directory.",
        )
    if form["client_secret"] != said.get("client_secret", form["client_secret"]):
        return entra_error(401, "invalid_client", 7000215, "an invalid client secret was given.")
    if form["scope"] != said.get("scope", SCOPE):
        return entra_error(400, "invalid_scope", 70011, f"the scope '{form['scope']}' is not valid.")
    lifetime = said.get("expires_in", 3599)
    return 200, {
        "token_type": "Bearer",
        "expires_in": lifetime,
        "ext_expires_in": lifetime,
        "access_token": tokens.issue(said),
    }


def imds_error(text):
    return 400, {"error": "invalid_request", "error_description": text}


def imds(said, tokens, target, headers):
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query, keep_blank_values=True))
    if headers.get("Metadata", "").lower() != "true":
        return imds_error("Required metadata header not specified")
    if "X-Forwarded-For" in headers:
        return imds_error("Requests with X-Forwarded-For are refused")
    if not re.fullmatch(r"20\d\d-\d\d-\d\d", query.get("api-version", "")):
        return imds_error("Required query variable 'api-version' is missing or not a version")
    if query.get("resource") != said.get("resource", RESOURCE):
        return imds_error(f"The resource '{query.get('resource', '')}' was not found")
    if query.get("client_id") != said.get("client_id"):
        return imds_error("Identity not found")
    lifetime = said.get("expires_in", 86400)
    begin = int(time.time())
    # Numbers travel as text here, unlike with Entra.
    answer = {
        "access_token": tokens.issue(said),
        "expires_in": str(lifetime),
        "expires_on": str(begin + lifetime),
        "not_before": str(begin),
        "resource": query["resource"],
        "token_type": "Bearer",
    }
    if "client_id" in query:
        answer["client_id"] = query["client_id"]
    return 200, answer
