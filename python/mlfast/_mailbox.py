"""How records of worker processes reach the process that profiles.

A worker may have been started long before the profile, so nothing can be handed to it. Instead the profiling process
makes a folder whose name follows from its own number, and a worker that ends a call looks whether its parent has one.
Processes of any depth that are started later find the same folder in the environment. Each record is written at once,
in one piece, as workers may be killed at any time.
"""

import contextlib
import json
import os
import shutil
import sys
import tempfile
import threading
from typing import Any

_VARIABLE = "MLFAST_PROFILE"
_inherited = os.environ.get(_VARIABLE)
_lock = threading.Lock()
#: The process that opened the mailbox (a fork inherits its parent's numbers) and how often it is open.
_owner, _count = 0, 0
#: None: not asked yet in this process.
_is_worker: bool | None = None


def _folder_of(process: int) -> str:
    return os.path.join(tempfile.gettempdir(), f"mlfast-profile-{os.getuid()}-{process}")


def _is_ours(folder: str) -> bool:
    """Return whether a folder exists and is this user's: another may have made one under this name."""
    try:
        return os.stat(folder).st_uid == os.getuid()
    except OSError:
        return False


def open_mailbox() -> None:
    """Let workers of this process deliver their records until `close_mailbox`; may be nested."""
    global _owner, _count
    with _lock:
        if _owner != os.getpid():
            _owner, _count = os.getpid(), 0
        _count += 1
        # Where no folder can be made, the calls of this process alone are counted.
        with contextlib.suppress(OSError):
            folder = _folder_of(_owner)
            os.makedirs(folder, mode=0o700, exist_ok=True)
            if _is_ours(folder):
                os.environ[_VARIABLE] = folder


def close_mailbox() -> None:
    """Undo one `open_mailbox`."""
    global _count
    with _lock:
        _count -= 1
        if _count == 0:
            os.environ.pop(_VARIABLE, None)
            if _inherited is not None:
                os.environ[_VARIABLE] = _inherited
            with contextlib.suppress(OSError):
                shutil.rmtree(_folder_of(_owner))


def take_out() -> list[tuple[Any, ...]]:
    """Return the records that have arrived since the last time, as tuples."""
    found = []
    folder = _folder_of(os.getpid())
    with _lock, contextlib.suppress(OSError):
        for entry in os.scandir(folder) if _is_ours(folder) else ():
            taken = entry.path + ".taken"
            os.rename(entry.path, taken)
            with open(taken, encoding="utf-8") as file:
                found += [tuple(json.loads(line)) for line in file]
            os.unlink(taken)
    return found


def is_worker() -> bool:
    """Return whether another process may wait for this one's records. Cheap: every call asks."""
    global _is_worker
    if _is_worker is None:
        _is_worker = _inherited is not None or _parent() is not None
    return _is_worker


def _forget() -> None:
    global _is_worker
    _is_worker = None


os.register_at_fork(after_in_child=_forget)


def _parent() -> int | None:
    multiprocessing = sys.modules.get("multiprocessing.process")  # a worker has it
    parent = multiprocessing.parent_process() if multiprocessing is not None else None
    return None if parent is None else parent.pid


def address(process: int | None = None) -> str | None:
    """Return the folder that records of this process go to, if somebody waits for them.

    Parameters
    ----------
    process : int, default=None
        The process that profiles, where known; None: the environment is asked, then the parent.
    """
    parent = _parent() if process is None else process
    folders = [_inherited if process is None else None, None if parent is None else _folder_of(parent)]
    return next((folder for folder in folders if folder is not None and _is_ours(folder)), None)


def deliver(folder: str, record: tuple[object, ...]) -> None:
    """Put a record into a mailbox; if that has gone, nobody waits for it any more."""
    line = json.dumps(record) + "\n"
    with contextlib.suppress(OSError):
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(os.path.join(folder, str(os.getpid())), flags, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)
