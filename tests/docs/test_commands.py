"""Every command that the pages print parses against the real command line; blocks that ask for it are run."""

import pytest

from tests.docs import pages
from tests.docs.parsing import parsed, unknown_names

EVERY = [block for page in pages.pages() for block in pages.blocks(page)]
COMMANDS = [
    pytest.param(block, words, id=f"{block.id}-{number}")
    for block in EVERY
    if pages.PROGRAM in block.text and (block.how or not block.text.startswith("{"))
    for number, words in enumerate(filter(None, map(pages.command, block.steps())))
]


@pytest.mark.parametrize(("block", "words"), COMMANDS)
def test_it_parses(block, words):
    fault, context = parsed(words)
    assert fault is None, f"{block.id}: s2r-bench {' '.join(words)}: {fault}"
    assert unknown_names(context) == [], block.id
