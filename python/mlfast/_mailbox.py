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

_VARIABLE = "MLFAST_PROFILE"
_inherited = os.environ.get(_VARIABLE)
_lock = threading.Lock()
#: The process that opened the mailbox (a fork inherits its parent's numbers) and how often it is open.
_owner, _count = 0, 0


def _folder_of(process: int) -> str:
    return os.path.join(tempfile.gettempdir(), f"mlfast-profile-{os.getuid()}-{process}")


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


def take_out() -> list[tuple[str, str, str, str | None, float, int, int]]:
    """Return the records that have arrived since the last time, as tuples."""
    found = []
    with _lock, contextlib.suppress(OSError):
        for entry in os.scandir(_folder_of(os.getpid())):
            taken = entry.path + ".taken"
            os.rename(entry.path, taken)
            with open(taken, encoding="utf-8") as file:
                found += [tuple(json.loads(line)) for line in file]
            os.unlink(taken)
    return found


def address(process: int | None = None) -> str | None:
    """Return the folder that records of this process go to, if somebody waits for them.

    Parameters
    ----------
    process : int, default=None
        The process that profiles, where known; None: the environment is asked, then the parent.
    """
    if process is None:
        multiprocessing = sys.modules.get("multiprocessing.process")  # a worker has it
        parent = multiprocessing.parent_process() if multiprocessing is not None else None
        if _inherited is None and parent is None:
            return None
        folders = [_inherited, None if parent is None else _folder_of(parent.pid)]
    else:
        folders = [_folder_of(process)]
    for folder in folders:
        if folder is not None:
            # A folder that somebody else has made under this name is not a mailbox.
            with contextlib.suppress(OSError):
                if os.stat(folder).st_uid == os.getuid():
                    return folder
    return None


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
