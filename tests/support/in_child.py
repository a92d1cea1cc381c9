"""Work that is done in a forked child of the test's own process."""

from __future__ import annotations

import json
import os
import select
import signal
from collections.abc import Callable
from typing import Any

__all__ = ["in_child"]

DEADLINE = 5.0


def in_child(work: Callable[[], object]) -> Any:
    """Return what ``work`` returns in a forked child, which ends without running anything else of the parent's."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer = json.dumps(work())
        except BaseException as error:  # noqa: BLE001 - the parent gets to see it
            answer = json.dumps(f"{type(error).__name__}: {error}")
        os.write(writing, answer.encode())
        os._exit(0)
    os.close(writing)
    if not select.select([reading], [], [], DEADLINE)[0]:
        os.kill(pid, signal.SIGKILL)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert text, f"the child ended with status {status} and said nothing"
    return json.loads(text)
