"""Waiting for what happens, with a deadline, never for time to pass.

SPDX-License-Identifier: MIT
"""

import os
import threading
import time

# Generous, because a sanitizer build on a busy machine is slow; nothing waits for its end.
DEADLINE = float(os.environ.get("MTLS_PROXY_TEST_DEADLINE", "90"))


class Lines:
    """The lines of a pipe, collected as they come; any thread may wait for one."""

    def __init__(self, stream):
        self.lines = []
        self.is_closed = False
        self._changed = threading.Condition()
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for raw in self._stream:
            with self._changed:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\r\n"))
                self._changed.notify_all()
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def wait(self, wanted, count=1, start=0, deadline=DEADLINE):
        """The count-th line from start on for which wanted(line) holds, or None."""
        end = time.monotonic() + deadline
        at, found = start, 0
        with self._changed:
            while True:
                while at < len(self.lines):
                    line = self.lines[at]
                    at += 1
                    if wanted(line):
                        found += 1
                        if found == count:
                            return line
                left = end - time.monotonic()
                if self.is_closed or left <= 0:
                    return None
                self._changed.wait(left)

    def drained(self, deadline=DEADLINE):
        """Waits for the end of the pipe."""
        self._thread.join(deadline)
        return self.is_closed

    def text(self):
        with self._changed:
            return "\n".join(self.lines)


def eventually(question, what="the condition", deadline=DEADLINE, interval=0.01):
    """Asks until the answer is true, for state that no event announces (/proc, files)."""
    end = time.monotonic() + deadline
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {deadline} s")
        time.sleep(interval)
