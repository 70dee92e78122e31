"""Waiting for what comes about, and failing where it does not."""

import time


def wait(condition, what, limit=60, pause=0.01):
    """What `condition` gives, once that is something."""
    end = time.monotonic() + limit
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"waited for {what} in vain")
        time.sleep(pause)
