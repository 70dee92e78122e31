"""Times and ETags in Batch's forms."""

import datetime
import email.utils
import itertools
import threading

_counter = itertools.count(0x8DC5C32D2959534)
_lock = threading.Lock()


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def http_date(seconds_ahead=0):
    return email.utils.format_datetime(
        datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        + datetime.timedelta(seconds=seconds_ahead),
        usegmt=True,
    )


def as_http_date(text):
    return email.utils.format_datetime(
        datetime.datetime.fromisoformat(text[:26] + "+00:00").replace(microsecond=0), usegmt=True
    )


def etag():
    """A new one each time: two versions of a resource never share one."""
    with _lock:
        return f"0x{next(_counter):X}"
