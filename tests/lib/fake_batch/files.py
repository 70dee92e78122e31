"""Files of a task or a node: content, listing, and ranges."""

import base64
import re

from . import clock
from .faults import Fault


def content_of(value):
    """What a script gives for a file: text, {"base64": …}, or {"repeat": TEXT, "times": N}."""
    if isinstance(value, str):
        return value.encode()
    if "base64" in value:
        return base64.b64decode(value["base64"])
    return value["repeat"].encode() * value["times"]


class File:
    def __init__(self, content):
        self.content = content
        self.created = self.modified = clock.now()

    def append(self, more):
        self.content += more
        self.modified = clock.now()


class Tree(dict):
    """Files by path, with slashes: `stdout.txt`, `wd/report.json`."""

    def put(self, path, value):
        if path in self:
            self[path].content = content_of(value)
            self[path].modified = clock.now()
        else:
            self[path] = File(content_of(value))

    def append(self, path, text):
        self.setdefault(path, File(b"")).append(text.encode())

    def find(self, path):
        """A file, or None for a directory."""
        path = path.strip("/")
        if path in self:
            return self[path]
        if any(name.startswith(path + "/") for name in self):
            return None
        raise Fault("FileNotFound")

    def entries(self, recursive):
        """Path and file of each entry, None for a directory. Not recursive: what lies at the top."""
        directories = {name[:i] for name in self for i, c in enumerate(name) if c == "/"}
        names = sorted(set(self) | directories)
        return [(name, self.get(name)) for name in names if recursive or "/" not in name]


def entry(name, file, url, long_as_text):
    properties = None
    if file is not None:
        length = len(file.content)
        properties = {
            "creationTime": file.created,
            "lastModified": file.modified,
            # OData writes 64 bits as text, the published definition says a number: clients meet both.
            "contentLength": str(length) if long_as_text else length,
            "contentType": "application/octet-stream",
            "fileMode": "0o100644",
        }
    result = {"name": name, "url": url, "isDirectory": file is None}
    if properties:
        result["properties"] = properties
    return result


def part(content, header):
    """What `ocp-range` asks of a file; the service knows the form `bytes=FIRST-LAST` alone."""
    if header is None:
        return content
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", header)
    if match is None or int(match.group(1)) > int(match.group(2)):
        raise Fault("InvalidHeaderValue", [("HeaderName", "ocp-range"), ("HeaderValue", header)])
    first, last = int(match.group(1)), int(match.group(2))
    if first >= len(content):
        raise Fault("InvalidRange")
    return content[first : last + 1]
