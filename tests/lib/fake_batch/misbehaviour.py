"""Rules by which the service misbehaves: which requests they meet, and what happens to those.

    {"method": REGEX, "path": REGEX, "first": N | "at": [POSITION, …] | "after": N, "do": WHAT, …,
     "name": TEXT}

A rule counts the requests that it matches (the path with its query, found anywhere in it; the method as a
whole) and meets the first N, those at the positions (from 1), those after N, or all. Of several that meet a
request, the first counts; the others have counted it all the same. `do`:

  status              answers `status` with `code`, `values` [[key, value]], `retry_after` SECONDS or
                      `retry_after_date` SECONDS (as an HTTP date), `headers` {}, or `body` (text or JSON)
                      in place of Batch's error; `acted`: true carries the request out first
  hang                reads the request and says nothing until the peer goes
  hang_after_headers  acts, sends the headers, and no body
  close_before        closes without having acted; `reset`: true by RST
  close_after         acts, and closes without an answer: the request has arrived; `reset` as above
  close_idle          acts and answers, then closes without having announced it: a kept connection is stale
  cut_body            acts, and closes in the midst of the body
  broken_json         acts, and answers half of the JSON with a Content-Length that fits it
  wrong_content_type  acts, and calls the body `content_type` (text/html)
  html                a proxy's page with `status` (502)
  slow                acts, and sends a byte each `seconds` (0.2)
  chunked             acts, and answers in chunks, as the protocol allows
  redirect            `status` (307) to `location`
  wrong_date          403 AuthenticationFailed, with a Date `hours` (5) ahead of this clock
  drop_headers        acts, and answers without the headers named in `names`
"""

import re

KEYS = {
    "status": {
        "status",
        "code",
        "values",
        "message",
        "retry_after",
        "retry_after_date",
        "headers",
        "body",
        "acted",
    },
    "hang": set(),
    "hang_after_headers": set(),
    "close_before": {"reset"},
    "close_after": {"reset"},
    "close_idle": set(),
    "cut_body": set(),
    "broken_json": set(),
    "wrong_content_type": {"content_type"},
    "html": {"status"},
    "slow": {"seconds"},
    "chunked": set(),
    "redirect": {"status", "location"},
    "wrong_date": {"hours"},
    "drop_headers": {"names"},
}
COMMON = {"method", "path", "first", "at", "after", "do", "name"}


class Rule:
    def __init__(self, document):
        if document.get("do") not in KEYS:
            raise ValueError(f"rule: do must be one of {', '.join(KEYS)}")
        unknown = sorted(set(document) - COMMON - KEYS[document["do"]])
        if unknown:
            raise ValueError(f"rule {document['do']}: {', '.join(unknown)} is not known here")
        if sum(key in document for key in ("first", "at", "after")) > 1:
            raise ValueError("rule: one of first, at and after")
        if document["do"] == "status" and "status" not in document:
            raise ValueError("rule status: says no status")
        self.document = document
        self.method = re.compile(document.get("method", ".*"))
        self.path = re.compile(document.get("path", ""))
        self.name = document.get("name", document["do"])
        self.seen = 0
        self.met = 0

    def meets(self, method, target):
        if not self.method.fullmatch(method) or not self.path.search(target):
            return False
        self.seen += 1
        if "first" in self.document:
            met = self.seen <= self.document["first"]
        elif "at" in self.document:
            met = self.seen in self.document["at"]
        else:
            met = self.seen > self.document.get("after", 0)
        return met

    def __getitem__(self, key):
        return self.document[key]

    def get(self, key, default=None):
        return self.document.get(key, default)


class Rules:
    def __init__(self):
        self.rules = []

    def of(self, method, target):
        meeting = [rule for rule in self.rules if rule.meets(method, target)]
        if not meeting:
            return None
        meeting[0].met += 1
        return meeting[0]

    def view(self):
        return [rule.document | {"seen": rule.seen, "met": rule.met} for rule in self.rules]
