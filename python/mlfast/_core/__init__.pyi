__all__ = [
    "InternalError",
    "UnsupportedInputError",
    "__version__",
    "get_num_threads",
    "instruction_set",
    "set_num_threads",
]

__version__: str

class InternalError(RuntimeError): ...
class UnsupportedInputError(ValueError): ...

def get_num_threads() -> int: ...
def instruction_set() -> str: ...
def set_num_threads(n_threads: int | None) -> None: ...
