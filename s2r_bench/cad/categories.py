"""Which of the six categories a name means: folder names of the usual corpora, file names, catalogue names."""

import re
from collections.abc import Iterable
from itertools import pairwise

OTHER = "other"
# read from top to bottom: the first row that knows a word of the name decides ("sofa bed" is a sofa, "bedside
# table" a cabinet). Numbers are ShapeNet synsets.
_TABLE = {
    "sofa": "sofa couch loveseat settee 04256520",
    "cabinet": "cabinet wardrobe dresser drawer cupboard chest nightstand bedside locker sideboard commode armoire "
    "credenza tvstand 02933112",
    "shelf": "shelf shelve bookshelf bookshelve bookcase 02871439",
    "chair": "chair armchair stool seat ottoman puff pouf recliner barstool 03001627",
    "bed": "bed crib futon bunkbed cot 02818832",
    "table": "table desk coffeetable sidetable 04379243",
}
_WORDS = {category: frozenset(words.split()) for category, words in _TABLE.items()}
_PHRASES = {("night", "stand"): "cabinet", ("tv", "stand"): "cabinet"}
# a name with one of these is no furniture of the six kinds, whatever else it says ("desk lamp", "chest freezer")
_NOT_TEXT = "lamp light fan tennis pool football freezer clothes towel bath shower toilet bedding bat swing wheel"
_NOT = frozenset(_NOT_TEXT.split())


def category_of(*names: str) -> str:
    """The category that the first telling name means, or "other".

    Args:
        names: candidates in order of trust, such as folder name, then file name.

    >>> category_of("ABO_chair"), category_of("models", "oak-desk_02"), category_of("Bedside table"), category_of("x")
    ('chair', 'table', 'cabinet', 'other')
    """
    for name in names:
        found = _category(list(_tokens(name)))
        if found is not None:
            return found
    return OTHER


def _category(tokens: list[str]) -> str | None:
    if _NOT.intersection(tokens):
        return OTHER
    for pair, category in _PHRASES.items():
        if any(pair == (one, other) for one, other in pairwise(tokens)):
            return category
    return next((category for category, words in _WORDS.items() if words.intersection(tokens)), None)


def _tokens(name: str) -> Iterable[str]:
    """Lower-case words of a name: CamelCase and punctuation part them, a plural s is taken off."""
    for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d{8}", name):
        word = word.lower()
        yield word[:-1] if word.endswith("s") and not word.endswith("ss") and word != "clothes" else word
