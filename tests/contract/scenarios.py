"""What runs in fresh interpreters: scenarios about threads, forks, interrupts, shared memory and settings."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings

import numpy as np
import scipy.sparse as sp

import mlfast

from ..compare import bits, fitted, state_bits
from .entry import sparse_mixture
from .registry import BY_NAME, FUNCTION_BY_NAME


def known(name):
    """The entry or function of that name."""
    return FUNCTION_BY_NAME.get(name) or BY_NAME[name]


def quiet_fit(entry, X, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return entry.fit(X, **params)


def quiet_call(function, X, **params):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return function.call(X, **params)


def quiet_results(entry, est, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return entry.results(est, X)


def answer(name, X, **params):
    """Bits of a fit and of all outputs on X, or of what a function returns."""
    if name in FUNCTION_BY_NAME:
        return bits(quiet_call(FUNCTION_BY_NAME[name], X, **params))
    est = quiet_fit(BY_NAME[name], X, **params)
    return [state_bits(est), bits(quiet_results(BY_NAME[name], est, X))]


def cases(name):
    """Inputs that take different ways through the core."""
    n = 301  # not a multiple of any block
    weights = {"sample_weight": np.random.RandomState(5).uniform(0, 2, size=n)}
    thing = known(name)
    for dtype in (np.float64, np.float32):
        inputs = {"dense": thing.data(1, n, 5, dtype)}
        if thing.sparse:
            inputs["csr"] = sparse_mixture(2, n, 5, dtype)
        label = np.dtype(dtype).name
        for kind, X in inputs.items():
            yield f"{kind} {label}", X, {}
            for way, params in thing.ways.items():
                yield f"{way} {kind} {label}", X, params
        if thing.sample_weight:
            yield f"weights {label}", inputs["dense"], weights
        if thing.size_param:
            yield f"many {label}", inputs["dense"], thing.sized(40)


def bits_by_threads(name, counts, repeats=2):
    """case -> thread count -> bits of repeated runs. A count of None leaves the process's own."""
    seen = {}
    for case, X, params in cases(name):
        seen[case] = {}
        for n in counts:
            mlfast.set_num_threads(n)
            seen[case][n] = [answer(name, X, **params) for _ in range(repeats)]
    return seen


def answers(name):
    """case -> bits, under the settings of this process."""
    return {case: answer(name, X, **params) for case, X, params in cases(name)}


def values(name):
    """case -> attributes and outputs themselves, under the settings of this process."""
    seen = {}
    for case, X, params in cases(name):
        if name in FUNCTION_BY_NAME:
            seen[case] = quiet_call(FUNCTION_BY_NAME[name], X, **params)
        else:
            est = quiet_fit(BY_NAME[name], X, **params)
            seen[case] = {**fitted(est), **quiet_results(BY_NAME[name], est, X)}
    return seen


# Threads of this process


def thread_names():
    """Names that the kernel knows the threads of this process by, without the main thread's."""
    names = []
    for task in os.listdir("/proc/self/task"):
        if int(task) != os.getpid():
            with contextlib.suppress(FileNotFoundError), open(f"/proc/self/task/{task}/comm") as f:
                names.append(f.read().strip())
    return sorted(names)


def new_threads(before):
    """
    Names of the threads started since `before` was taken.

    A thread goes by its parent's name until it has run a little, for which a loaded machine may need a while.
    """
    with open("/proc/self/comm") as f:
        parent = f.read().strip()
    for _ in range(100):
        now = thread_names()
        for name in before:
            if name in now:
                now.remove(name)
        if parent not in now:
            break
        time.sleep(0.02)
    return now


def started_by_small_input(name):
    """Threads that fitting and predicting 100 x 4 starts."""
    entry = BY_NAME[name]
    X = entry.data(0, 100, 4)
    entry.results(entry.fit(X, parent=True), X)  # what scikit-learn's OpenMP starts is not ours
    before = thread_names()
    entry.results(entry.fit(X), X)
    return new_threads(before)


def started_by_large_input(name):
    """Threads that fitting and predicting large data starts, and the count that mlfast reports."""
    entry = BY_NAME[name]
    X = entry.data(0, *entry.large)
    entry.results(entry.fit(X[:500], parent=True), X[:500])
    before = thread_names()
    entry.results(entry.fit(X, **entry.large_params), X)
    return new_threads(before), mlfast.get_num_threads()


def reported_threads():
    return mlfast.get_num_threads()


def threads_in_loky(n_jobs):
    """The caps that joblib's workers see, with the threads they start."""
    from joblib import Parallel, delayed

    return Parallel(n_jobs=n_jobs, backend="loky")(
        delayed(started_by_large_input)(name) for name in ["KMeans"] * n_jobs
    )


def no_threads_available(name):
    """The fit where the kernel refuses every new thread; returns its bits, those before the limit, and thread names."""
    import resource

    X = known(name).data(1, 3000, 6)
    mlfast.set_num_threads(1)
    before = answer(name, X)  # loads all that is loaded lazily
    mlfast.set_num_threads(4)
    if os.geteuid() == 0:
        os.setgid(65534)
        os.setuid(65534)  # the limit does not bind root
    resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
    try:
        threading.Thread(target=int).start()
        raise AssertionError("the limit does not bind: the scenario proves nothing")
    except RuntimeError:
        pass
    names = thread_names()
    return before, [answer(name, X) for _ in range(2)], new_threads(names)


def many_python_threads(name, count=16, rounds=3):
    """`count` Python threads fit their own estimator and use a shared fitted one at the same moment."""
    entry = BY_NAME[name]
    shared_X, X = entry.data(0, 700, 5), [entry.data(seed, 300, 5) for seed in range(count)]
    shared = quiet_fit(entry, shared_X)
    expected_shared = bits(entry.results(shared, shared_X))
    expected = [answer(name, rows) for rows in X]
    barrier = threading.Barrier(count, timeout=60)
    wrong = []

    def work(i):
        try:
            for _ in range(rounds):
                barrier.wait()
                with mlfast.config_context(fallback="raise"):
                    if bits(entry.results(shared, shared_X)) != expected_shared:
                        wrong.append(f"thread {i}: outputs of the shared model differ")
                    if answer(name, X[i]) != expected[i]:
                        wrong.append(f"thread {i}: its own fit differs")
        except BaseException as error:
            wrong.append(f"thread {i}: {error!r}")
            barrier.abort()

    warnings.simplefilter("ignore")
    sys.setswitchinterval(1e-6)
    workers = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return wrong


# Forks


def primed(name):
    """Start the pool of this process and return the bits that every other process must reproduce."""
    mlfast.set_num_threads(3)
    return child_answer(name)


def child_answer(name):
    return answer(name, known(name).data(4, *known(name).large))


def in_forked_child(work):
    """Fork, run `work` in the child, and return what it returned. The child leaves by `_exit`."""
    import pickle

    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.close(read)
            with os.fdopen(write, "wb") as f:
                pickle.dump(work(), f)
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as f:
        data = f.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the forked child ended with wait status {status}"
    return pickle.loads(data)


def fork_once(name):
    expected = primed(name)
    threads = mlfast.get_num_threads()
    found = in_forked_child(lambda: (child_answer(name), mlfast.get_num_threads()))
    return expected, threads, found, child_answer(name)


def fork_twice(name):
    """Child and grandchild, each after a parallel fit in its own parent."""
    expected = primed(name)

    def child():
        mine = child_answer(name)
        return [mine, in_forked_child(lambda: child_answer(name)), child_answer(name)]

    return expected, in_forked_child(child)


def fork_without_use(name):
    """The grandchild works although the child never used the pool."""
    expected = primed(name)
    return expected, [in_forked_child(lambda: in_forked_child(lambda: child_answer(name)))]


def fork_during_fit(name, times=5):
    """Fork while another thread is inside a fit."""
    expected = primed(name)
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            child_answer(name)

    worker = threading.Thread(target=busy)
    worker.start()
    try:
        found = []
        for _ in range(times):
            time.sleep(0.02)
            found.append(in_forked_child(lambda: child_answer(name)))
    finally:
        stop.set()
        worker.join()
    return expected, found


def fork_with_fitted(name):
    """A model fitted before the fork predicts in the child."""
    X = BY_NAME[name].data(4, *BY_NAME[name].large)
    mlfast.set_num_threads(3)
    est = quiet_fit(BY_NAME[name], X)
    work = lambda: bits(BY_NAME[name].results(est, X))  # noqa: E731
    return work(), [in_forked_child(work)]


def fork_before_use(name):
    """Nothing parallel has run yet: the child builds the first pool, then the parent builds its own."""
    mlfast.set_num_threads(3)
    found = in_forked_child(lambda: child_answer(name))
    return child_answer(name), [found]


def multiprocessing_pool(name, method):
    expected = primed(name)
    with multiprocessing.get_context(method).Pool(2) as pool:
        return expected, pool.map(child_answer, [name] * 3)


def process_pool_executor(name, method):
    from concurrent.futures import ProcessPoolExecutor

    expected = primed(name)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        return expected, list(pool.map(child_answer, [name] * 3))


def joblib_workers(name, backend):
    from joblib import Parallel, delayed

    expected = primed(name)
    return expected, Parallel(n_jobs=2, backend=backend)(delayed(child_answer)(name) for _ in range(3))


# Interrupts


def visible(est):
    """The state of an estimator without what it keeps to be faster."""
    return None if est is None else est.__getstate__()


def interrupted(name, delay):
    """
    Send SIGINT during a call that would last for long.

    Returns seconds from the signal to KeyboardInterrupt, whether the estimator stayed as it was, and whether the next
    fit gives the usual bits. One that keeps what it had reached warns instead, and need not stay as it was.
    """
    thing = known(name)
    small = thing.data(0, 500, 5)
    usual = answer(name, small)
    sent = []

    def send():
        time.sleep(delay)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    X = np.random.RandomState(0).uniform(size=thing.endless_shape)
    if thing.accepts_nan:
        X[::7, ::3] = np.nan
    est = None
    if name in FUNCTION_BY_NAME:
        call = lambda: thing.call(X, **thing.endless)  # noqa: E731
    elif thing.lasts == "fit":
        est = quiet_fit(thing, small).set_params(**thing.endless)
        call = lambda: thing.refit(est, X)  # noqa: E731
    else:
        est = thing.refit(thing.make(**thing.endless), X, target=thing.endless_target)
        call = lambda: thing.output(est, thing.lasts, X)  # noqa: E731
    before = bits(visible(est))
    keeps = getattr(thing, "keeps_interrupted", False)
    threading.Thread(target=send, daemon=True).start()
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        if not keeps or not any("interrupted" in str(warning.message) for warning in caught):
            raise AssertionError("the call ended before the signal: make it longer")
    except KeyboardInterrupt:
        pass
    took = time.perf_counter() - sent[0]
    unchanged = keeps or bits(visible(est)) == before
    return took, unchanged, answer(name, small) == usual


# Memory


def mutated_during_fit(name, kind, seconds=0.4, least=3):
    """Another thread writes nonsense into the input while fits run. Returns how the fits ended."""
    entry = BY_NAME[name]
    rng = np.random.RandomState(0)
    sys.setswitchinterval(1e-5)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    ended, end = [], time.perf_counter() + seconds
    rows = 20_000 if entry.lasts == "fit" else 5_000
    limits = {"max_iter": 5} if "max_iter" in entry.params else {}
    while time.perf_counter() < end or len(ended) < least:
        X = entry.data(0, rows, 8)
        weights = np.ones(len(X))
        if kind.startswith("csr"):
            X = sp.csr_matrix(np.where(X > 0, X, 0))
        victim, junk = {
            "nan": (X if kind == "nan" else None, [np.nan, np.inf, -np.inf, 1e308]),
            "csr data": (getattr(X, "data", None), [np.nan, np.inf, 1e308]),
            "csr indices": (getattr(X, "indices", None), [2**31 - 1, -1, 8, 1000]),
            "csr indptr": (getattr(X, "indptr", None), [2**31 - 1, -1, 0, 10**8]),
            "weights": (weights, [np.nan, -1.0, np.inf]),
        }[kind]
        flat = victim.reshape(-1)
        stop = threading.Event()

        def spoil(flat=flat, junk=junk, stop=stop):
            while not stop.is_set():
                at = rng.randint(0, flat.size, size=50)
                flat[at] = rng.choice(junk, size=50)
                time.sleep(0)

        worker = threading.Thread(target=spoil)
        worker.start()
        try:
            params = {"copy_x": False} if "copy_x" in entry.fuzz else {}
            est = entry.fit(X, sample_weight=weights if kind == "weights" else None, **limits, **params)
            entry.results(est, entry.data(1, 50, 8))
            if entry.lasts != "fit":
                entry.output(est, entry.lasts, X)
            ended.append("result")
        except Exception as error:
            ended.append(type(error).__name__)
        finally:
            stop.set()
            worker.join()
    return ended


def short_of_memory(name, kind, steps=13):
    """
    Fit in forked children whose address space is capped, in `steps` steps from nothing to spare to plenty.

    The steps end once two in a row had enough.
    Returns how each child ended: "result", "MemoryError", another exception's name, or "signal N".
    """
    import resource

    warnings.simplefilter("ignore")
    thing = known(name)
    rows, columns = thing.scant_shape
    if kind == "csr" and rows * columns > 150_000:
        rows //= 4  # which costs far more a row
    X = thing.data(0, rows, columns)
    if kind == "csr":
        X = sp.csr_array(np.where(X > 0, X, 0))
    small = X[:150]  # enough that no cluster is a single row
    mlfast.set_num_threads(2)
    call = (
        thing.call
        if name in FUNCTION_BY_NAME
        else (lambda rows: thing.results(thing.fit(rows, **thing.scant_params), rows[: thing.scant_rows]))
    )
    call(small)  # loads all that is loaded lazily; starts no thread
    ended = []
    for step in range(steps):
        spare = 2 ** (17 + step) if step else 0  # 0, 256 KiB, ... 512 MiB

        def child(spare=spare, step=step):
            with open("/proc/self/statm") as f:
                now = int(f.read().split()[0]) * resource.getpagesize()
            hard = resource.getrlimit(resource.RLIMIT_AS)[1]
            resource.setrlimit(resource.RLIMIT_AS, (now, hard))
            held = []  # what the heap has free would hide the limit, so it is used up first
            with contextlib.suppress(MemoryError):
                while True:
                    held.append(bytearray(60_000))
            del held[-16:]
            resource.setrlimit(resource.RLIMIT_AS, (now + spare, hard))
            try:
                call(X)
                return 0
            except MemoryError:
                return 1
            except Exception as error:
                os.write(2, f"{step}: {type(error).__name__}: {error}\n".encode())
                return 2

        pid = os.fork()
        if pid == 0:
            code = 3
            try:
                code = child()
            finally:
                os._exit(code)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            ended.append(f"signal {os.WTERMSIG(status)}")
        else:
            meaning = {0: "result", 1: "MemoryError", 2: "another exception"}
            ended.append(meaning.get(os.WEXITSTATUS(status), f"exit status {os.WEXITSTATUS(status)}"))
        if ended[-2:] == ["result", "result"]:
            break
    return ended
