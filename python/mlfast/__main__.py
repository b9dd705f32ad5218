"""``python -m mlfast [option ...] [-m module | -c code | script] ...``: run a program on mlfast.

The program must not notice: it gets a module ``__main__`` of its own, its own ``sys.argv`` and ``sys.path``, and an
uncaught exception ends it as plain Python would, with a traceback that begins with the program's own frames.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, ModuleType, TracebackType

from mlfast import accel

TYPE_CHECKING = False  # importing typing would be a good part of the time of a start
if TYPE_CHECKING:
    from typing import NoReturn

USAGE = """\
usage: python -m mlfast [option ...] script.py [argument ...]
       python -m mlfast [option ...] -m module [argument ...]
       python -m mlfast [option ...] -c code [argument ...]
       python -m mlfast [option ...] - [argument ...]

Runs a Python program, unchanged, with mlfast's estimators in the place of scikit-learn's, here and in the processes
that it starts.

  --report              at the end, print to stderr the time of each estimator, in Rust and in scikit-learn and why
                        there, with the classes that mlfast does not have
  --profile             at the end, print to stderr which calls ran in Rust, which in scikit-learn and why, their time
  --only NAMES          replace these only: names such as KMeans, rooms such as cluster, with commas between
  --fallback sklearn    a call that Rust does not cover runs in scikit-learn and is logged (the default)
  --fallback warn       it also warns
  --fallback raise      it raises mlfast.FallbackError
  --version             print the versions of mlfast, scikit-learn and Python
  -h, --help            print this

python -c 'import mlfast; mlfast.doctor()' prints what mlfast runs on and what is amiss.
"""

_FLAGS = ("--report", "--profile")
_CHOICES = {"--fallback": ("sklearn", "warn", "raise"), "--only": None}


def main() -> None:
    """Read the command line and run the program it names."""
    options, words = _parsed(sys.argv[1:])
    os.environ["MLFAST_ACCEL"] = "1"  # for the processes that the program starts, as is what follows
    if "--fallback" in options:
        os.environ["MLFAST_FALLBACK"] = options["--fallback"]
    if "--report" in options:
        os.environ["MLFAST_REPORT"] = "1"
        accel._modules.has_report = True
    if "--only" in options:
        os.environ["MLFAST_ONLY"] = options["--only"]
        accel.uninstall()  # of all, as the environment may have asked for
    try:
        accel.install()
    except ValueError as problem:
        _refuse(str(problem))
    _profile_if_asked(options)
    option = words[0]
    module = _fresh_main()
    try:
        if option == "-m":
            _run_module(words[1:])
        elif option == "-c":
            _run_code(compile(words[1], "<string>", "exec", dont_inherit=True), module, ["-c", *words[2:]])
        elif option == "-":
            _run_code(compile(sys.stdin.read(), "<stdin>", "exec", dont_inherit=True), module, words)
        else:
            _run_file(words, module)
    except SystemExit:
        raise
    except BaseException as error:
        _hide_own_frames(error)
        raise


def _parsed(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Return the options of mlfast, and the words from the program on."""
    options: dict[str, str] = {}
    while words and words[0].startswith("-") and words[0] not in ("-", "-m", "-c"):
        name, equals, value = words[0].partition("=")
        del words[:1]
        if name in ("-h", "--help", "--version") and not equals:
            sys.stdout.write(_versions() if name == "--version" else USAGE)
            sys.exit(0)
        if name in _CHOICES:
            if not equals and words:
                value = words.pop(0)
            if not value:
                _refuse(f"argument expected for the option {name}")
            choices = _CHOICES[name]
            if choices is not None and value not in choices:
                _refuse(f"{name} is one of {', '.join(choices)}, not {value}")
        elif name not in _FLAGS or equals:
            _refuse(f"unknown option {name}{equals}{value}")
        options[name] = value
    if not words or (words[0] in ("-m", "-c") and len(words) == 1):
        _refuse("what is to be run?" if not words else f"argument expected for the option {words[0]}")
    return options, words


def _versions() -> str:
    from importlib.metadata import version

    import mlfast

    return f"mlfast {mlfast.__version__}, scikit-learn {version('scikit-learn')}, Python {sys.version.split()[0]}\n"


def _profile_if_asked(options: dict[str, str]) -> None:
    asked = [flag for flag in _FLAGS if flag in options]
    if not asked:
        return
    from mlfast import _profile

    texts = []
    if "--report" in asked:
        from mlfast import _report

        texts.append(_report.in_words)
    if "--profile" in asked:
        texts.append(_profile.table_in_words)
    _profile.profile_process(lambda calls: "\n".join(text(calls) for text in texts))


def _refuse(problem: str) -> NoReturn:
    sys.stderr.write(f"{USAGE}\npython -m mlfast: {problem}\n")
    sys.exit(2)


def _fresh_main() -> ModuleType:
    """Put a new module in the place of ``__main__``, with the attributes that Python gives it."""
    from importlib.machinery import BuiltinImporter

    module = ModuleType("__main__")
    vars(module).update(__builtins__=sys.modules["builtins"], __annotations__={}, __loader__=BuiltinImporter)
    sys.modules["__main__"] = module
    return module


def _set_first_path(folder: str) -> None:
    """Put a folder where Python has put that of ``python -m``, unless it was told to put none."""
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _run_module(words: list[str]) -> None:
    import runpy

    sys.argv[:] = ["-m", *words[1:]]
    runpy._run_module_as_main(words[0])  # type: ignore[attr-defined]


def _run_code(code: CodeType, module: ModuleType, argv: list[str]) -> None:
    sys.argv[:] = argv
    _set_first_path("")
    exec(code, vars(module))


def _run_file(words: list[str], module: ModuleType) -> None:
    sys.argv[:] = words
    path = os.path.abspath(words[0])
    if _is_folder_or_archive(path):
        import runpy

        if sys.flags.safe_path:
            sys.path.insert(0, path)  # without it nothing could be run
        _set_first_path(path)
        runpy._run_module_as_main("__main__", alter_argv=False)  # type: ignore[attr-defined]
        return
    from importlib.machinery import SourceFileLoader

    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        sys.stderr.write(f"{sys.orig_argv[0]}: can't open file {path!r}: [Errno {error.errno}] {error.strerror}\n")
        sys.exit(2)
    _set_first_path(os.path.dirname(os.path.realpath(path)))
    vars(module).update(__file__=path, __cached__=None, __loader__=SourceFileLoader("__main__", path))
    exec(compile(source, path, "exec", dont_inherit=True), vars(module))


def _is_folder_or_archive(path: str) -> bool:
    """Return whether modules can be imported from a path; then Python runs the module ``__main__`` there."""
    for hook in sys.path_hooks:
        try:
            hook(path)
        except ImportError:
            continue
        return True
    return False


def _hide_own_frames(error: BaseException) -> None:
    """Have Python report an error as if mlfast's frames, and runpy's beneath them, were not there.

    The error goes on to the interpreter, which alone knows how to end the process. It hands the error to
    `sys.excepthook`, whatever the program has put there.
    """
    first: TracebackType | None = error.__traceback__
    while first is not None and first.tb_frame.f_code.co_filename == __file__:
        first = first.tb_next
    hook = sys.excepthook

    def report(kind: type[BaseException], value: BaseException, traceback: TracebackType | None) -> None:
        if value is error:
            sys.last_traceback = traceback = value.__traceback__ = first
        sys.excepthook = hook
        hook(kind, value, traceback)

    sys.excepthook = report


if __name__ == "__main__":
    main()
