"""Conversion to ONNX: mlfast's estimators, registered with skl2onnx as what their scikit-learn namesakes are.

skl2onnx finds a converter by the exact class of an estimator. A class of mlfast has the attributes of its namesake, so
the namesake's converter serves both, with its options, and the graph is the same. Importing this module registers the
classes, where skl2onnx is installed.

Examples
--------
>>> import numpy as np
>>> import mlfast.onnx
>>> from mlfast.cluster import KMeans
>>> X = np.array([[0.0], [1.0], [9.0], [8.0]], dtype=np.float32)
>>> model = KMeans(n_clusters=2, random_state=0).fit(X)
>>> import skl2onnx  # doctest: +SKIP
>>> skl2onnx.to_onnx(model, X[:1])  # doctest: +SKIP
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from mlfast import _conversion


def register() -> None:
    """Register every estimator of mlfast whose scikit-learn namesake skl2onnx can convert.

    Doing it again is harmless, and of use after a converter of one's own was registered for a class of scikit-learn.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    """
    try:
        from skl2onnx import update_registered_parser
        from skl2onnx._parse import _parse_sklearn_simple_model, sklearn_parsers_map
        from skl2onnx._supported_operators import sklearn_operator_name_map
    except ImportError as error:
        raise ImportError(f"converting to ONNX needs skl2onnx: pip install skl2onnx ({error})") from error
    for ours, namesake in _conversion._pairs():
        if namesake in sklearn_operator_name_map:
            alias = sklearn_operator_name_map[namesake]
            parse = sklearn_parsers_map.get(namesake, _parse_sklearn_simple_model)
            sklearn_operator_name_map[ours] = alias
            update_registered_parser(ours, _parser_like(namesake, alias, parse))


def _parser_like(namesake: type, alias: str, parse: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that declares the outputs of an estimator as ``parse`` does for one of class ``namesake``.

    Which outputs there are also hangs on the exact class, so ``parse`` is shown an estimator of that class.
    """

    def parse_like(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
        shown: Any = object.__new__(namesake)
        shown.__dict__.update(model.__dict__)
        given = scope.options or {}
        scope.add_options(id(shown), given.get(type(model), {}) | given.get(id(model), {}))
        outputs = parse(scope, shown, inputs, custom_parsers=custom_parsers)
        scope.replace_raw_operator(shown, model, alias)
        del scope.options[id(shown)]  # the id of an object that goes away
        return outputs

    return parse_like


if find_spec("skl2onnx"):
    register()
