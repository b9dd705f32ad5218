"""Names are the field's words (GLOSSARY.md): those that it replaced do not come back."""

import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Parts of names, as underscores and capitals divide them.
BANNED = {
    *("slope", "slopes", "bend", "bent", "curved", "twofold"),
    *("portion", "portions", "share", "shares"),
    *("answer", "answers", "said", "say", "says"),
    *("skinny", "sieve", "planted", "undrawn"),
}
#: What may stand before the rest of a name: bounds are MAX_ and MIN_.
BOUNDS = re.compile(r"^(most|least)_(?!squares|frequent)", re.IGNORECASE)
RUST_NOISE = re.compile(r'//[^\n]*|"(?:[^"\\]|\\.)*"', re.DOTALL)


def broken(name: str) -> bool:
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)
    return bool(BOUNDS.match(name)) or any(part.lower() in BANNED for part in parts)


def names(path: Path) -> set[str]:
    if path.suffix == ".rs":
        return set(re.findall(r"[A-Za-z_]\w*", RUST_NOISE.sub(" ", path.read_text())))
    with path.open("rb") as file:
        return {token.string for token in tokenize.tokenize(file.readline) if token.type == tokenize.NAME}


def test_names_are_the_words_of_the_field():
    files = [path for folder in ("src", "python") for end in ("rs", "py") for path in (ROOT / folder).rglob(f"*.{end}")]
    assert len(files) > 300
    found = {str(path.relative_to(ROOT)): sorted(filter(broken, {path.stem, *names(path)})) for path in files}
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("name", ["slope", "LossSlopes", "MOST_ROWS", "least_squared", "of_portions", "Twofold"])
def test_old_words_are_found(name):
    assert broken(name)


@pytest.mark.parametrize("name", ["gradient", "least_squares", "shared", "almost_all", "answered", "MAX_ROWS"])
def test_other_words_pass(name):
    assert not broken(name)
