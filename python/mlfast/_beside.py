"""Long calls of NumPy and SciPy beside the thread that listens for Ctrl-C.

Python runs signal handlers in its main thread, between two of its instructions: a call into LAPACK that takes a minute
is not interrupted for a minute. So a long one is made in a thread of its own, while the main thread waits. If that is
called away the result is let go, and its memory is freed once the call is over.
"""

import contextvars
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

#: Multiplications (rows times columns times the fewer of both) from which a call may take a quarter of a second.
LONG = 2**28


def beside(function: Callable[..., Any], table: np.ndarray, *arguments: Any, **options: Any) -> Any:
    """Return ``function(table, ...)``; Ctrl-C ends the wait for it at once.

    Parameters
    ----------
    function : callable
        A function of NumPy or SciPy that leaves the GIL to others while it computes.
    table : ndarray of shape (n, m)
        Its first argument, which says how long it takes. No one else may write to what is handed over.
    *arguments, **options
        The others.

    Returns
    -------
    result : object
        What the function returns; what it raises is raised here.
    """
    is_long = table.size * min(table.shape) >= LONG
    if not is_long or threading.current_thread() is not threading.main_thread():
        return function(table, *arguments, **options)
    outcome: list[Any] = []
    failure: list[BaseException] = []
    context = contextvars.copy_context()  # numpy.errstate

    def work() -> None:
        try:
            outcome.append(context.run(function, table, *arguments, **options))
        except BaseException as raised:
            failure.append(raised)

    thread = threading.Thread(target=work, name="mlfast-lapack", daemon=True)
    try:
        thread.start()
    except RuntimeError:  # no thread is to be had
        return function(table, *arguments, **options)
    thread.join()
    if failure:
        raise failure[0]
    return outcome[0]
