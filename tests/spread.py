"""
How far the parent's own answer moves on this machine, where a plain comparison with it fails.

OpenBLAS picks a kernel for the processor and NumPy its vector functions, and each adds in another order. Where the data
do not decide, the parent's answer is one of several that it gives. It is asked for the others in processes of their
own, one for each way that this processor can compute. Ours must be one of them, or as near as they are to each other.
A test that no comparison fails pays nothing for this.
"""

import functools
import itertools
import sys

import numpy as np

from .compare import bits
from .isolated import forked

#: OpenBLAS kernel -> what the processor must be able to do. Zen's is Haswell's under another name.
KERNELS = {"Prescott": "pni", "Sandybridge": "avx", "Haswell": "avx2", "SkylakeX": "avx512vl"}


@functools.cache
def kernels():
    """The OpenBLAS kernels that run on this processor."""
    with open("/proc/cpuinfo") as f:
        flags = next((line for line in f if line.startswith("flags")), "").split()
    return [kernel for kernel, flag in KERNELS.items() if flag in flags]


def machines():
    """Settings under which the parent may compute otherwise than in this process."""
    detected = {"OPENBLAS_CORETYPE": "", "NPY_DISABLE_CPU_FEATURES": ""}
    return [
        *(detected | {"OPENBLAS_CORETYPE": kernel} for kernel in kernels()),
        detected | {"NPY_DISABLE_CPU_FEATURES": vector_functions()},
        detected | {"OMP_NUM_THREADS": 1},
    ]


def vector_functions():
    """Names of the instruction sets that NumPy has vector functions for, above what it always uses."""
    found = np.show_config(mode="dicts")["SIMD Extensions"]
    return " ".join([*found.get("found", ()), *found.get("not found", ())])


def elsewhere(ask, *args):
    """What `ask(*args)` returns under the other settings. ask : a function of an importable module under tests/"""
    return [forked(ask, *args, env=settings) for settings in machines()]


def distance(ours, theirs):
    """
    How far two values are apart: the largest difference of floats, the number of others that differ.

    Infinite where they are not of one kind.
    """
    kinds = [(type(value), getattr(value, "dtype", None), getattr(value, "shape", None)) for value in (ours, theirs)]
    if kinds[0] != kinds[1]:
        return np.inf
    if isinstance(ours, (int, np.integer)) and not isinstance(ours, bool):
        return abs(int(ours) - int(theirs))
    if not isinstance(ours, (np.ndarray, float, np.floating)) or np.asarray(ours).dtype.hasobject:
        return 0.0 if bits(ours) == bits(theirs) else np.inf
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    if ours.dtype.kind != "f":
        return np.count_nonzero(ours != theirs)
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(ours.astype(float) - theirs))
    return float(np.max(np.nan_to_num(apart, nan=np.inf), initial=0.0))


def assert_within(compare, ours, theirs, ask, *args, orders=()):
    """
    Compare two answers, and if they differ, ours with all that the parent gives on this machine.

    compare : (ours, theirs) -> None, raises AssertionError. It is the plain comparison.
    ours, theirs : answers, as dictionaries of values by name. ask : function that gives the parent's answer, in any
    process, to `args`. orders : it also answers to `ask(*args, order=order)`, where the order in which equals are added
    is another.
    """
    try:
        compare(ours, theirs)
        return
    except AssertionError as error:
        plain = error
    others = [*elsewhere(ask, *args), *(ask(*args, order=order) for order in orders)]
    if any(agrees(compare, ours, other) for other in others):
        return
    answers = [theirs, *others]
    far = [name for name in ours.keys() | theirs.keys() if not near(name, ours, answers, compare)]
    if far:
        raise AssertionError(f"{sorted(far)}: farther from the parent than the parent's answers are apart") from plain


def agrees(compare, ours, theirs):
    try:
        compare(ours, theirs)
    except AssertionError:
        return False
    return True


def near(name, ours, answers, compare):
    """Whether a value agrees with one of the parent's, or is no farther from the nearest than two of them are apart."""
    if name not in ours or not all(name in answer for answer in answers):
        return False
    values = [answer[name] for answer in answers]
    if any(agrees(compare, {name: ours[name]}, {name: value}) for value in values):
        return True
    spread = max(distance(a, b) for a, b in itertools.combinations(values, 2))
    return min(distance(ours[name], value) for value in values) <= spread < np.inf


def settings():
    """The settings of `make test-machines`, as (OpenBLAS kernel, NumPy's features to switch off, MLFAST_ISA)."""
    with open("/proc/cpuinfo") as f:
        flags = f.read().split()
    sets = [name for name, flag in {"avx2": "avx2", "avx512": "avx512vl"}.items() if flag in flags]
    return [
        (kernel, vector_functions() if isa == "portable" else "", isa)
        for kernel in kernels()
        for isa in ["portable", *sets]
    ]


def part(found, chosen):
    """Some of the settings. chosen : nothing (all), "2/6" (the second of six parts), or kernels and instruction sets"""
    if not chosen:
        return found
    number, slash, count = chosen[0].partition("/")
    if slash:
        assert 1 <= int(number) <= int(count), f"PART={chosen[0]}: there are {count} parts"
        return found[int(number) - 1 :: int(count)]
    return [setting for setting in found if set(chosen) <= {setting[0], setting[2]}]


def main():
    """Print the settings that the arguments choose, one a line; no such setting is an error."""
    lines = ["|".join(setting) for setting in part(settings(), sys.argv[1:])]
    if not lines:
        sys.exit(f"no setting of this machine is {' '.join(sys.argv[1:])}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
