"""Which scenes of LASA a simulator may learn from, and the published lists that do not heed it.

LASA parts its scenes into 753 for training and 219 for validation; reconstruction is scored on objects of the latter.
The lists that come with `lasa_depth` part the same rooms anew: their training list holds 134 of the 219. A simulator
that was trained on it has seen, with their real captures, the very rooms that its figures are taken in.

`clean` goes by LASA's own parts: what is in its validation scenes tests, what both call training trains, and the rest,
which the published lists validate on, validates.
"""

from collections.abc import Collection, Mapping, Sequence

WHY = (
    "LASA's validation scenes are what its reconstruction figures are taken in, and the published lists of lasa_depth "
    "train on many of them"
)
# arkitscene_process_script/scene_split/val.json of LASA's repository: ARKitScenes video ids
_VALIDATION = """
41418162 42444499 42444519 42444781 42444966 42445028 42445100 42445428 42445476 42445494 42445612 42445680 42445707
42445769 42445802 42445862 42445894 42445916 42445966 42446154 42446488 42446598 42447202 42897538 42897552 42897561
42897595 42897672 42897755 42897798 42897849 42897947 42897990 42898100 42898156 42898163 42898332 42898754 42899132
42899163 42899489 42899526 42899540 42899611 42899657 42899789 42899799 42899817 42899822 43649459 43649605 43649732
43649787 43828230 43828243 43828270 43828334 43828345 43828360 43828402 43895956 43896083 43896160 43896169 43896176
43896330 44358238 44358289 44358324 44358360 44358634 44796252 44796438 44796491 44796584 44796684 44796730 45260938
45261080 45261133 45261143 45261167 45261201 45261251 45261313 45261565 45261631 45261641 45261651 45261688 45662905
45663044 45663340 45663404 47115129 47115174 47115260 47115299 47115442 47115452 47115517 47115573 47204303 47204316
47204325 47204559 47204585 47204605 47204734 47204791 47204840 47204874 47331039 47331133 47331154 47331187 47331231
47331262 47331311 47331355 47331421 47331587 47331615 47331619 47331770 47331911 47331936 47331988 47332046 47332075
47332562 47332705 47332764 47332908 47332986 47333000 47333014 47333053 47333164 47333168 47333233 47333308 47333323
47333440 47333493 47333521 47333565 47333574 47333657 47333665 47333785 47333810 47333826 47333862 47333888 47333916
47333923 47334027 47334037 47334102 47334539 47334559 47334666 47334712 47334728 47334801 47334808 47429725 47429888
47429904 47429939 47430023 47430088 47430189 47430399 47430475 47430509 47430525 47430543 47430598 47430722 47430739
47430854 47430962 47430978 47431103 47431153 47431169 47669880 47670001 47670008 47670023 47670044 47670184 47670208
47670295 47895179 47895187 47895196 47895231 47895245 47895285 47895353 47895364 47895459 47895515 47895534 47895653
47895661 47895718 48017890 48017996 48018067 48018079 48018632 48018785 48018932 48458703 48458713
"""
VALIDATION_SCENES = frozenset(_VALIDATION.split())


def leaking_scenes(
    lists: Mapping[str, Sequence[str]], kept_back: Collection[str] = VALIDATION_SCENES
) -> tuple[str, ...]:
    """The scenes of a training list that are LASA's to validate on.

    Args:
        lists: "train" and "val" -> lines "SCENE/FRAME".
        kept_back: LASA's validation scenes.

    >>> leaking_scenes({"train": ["41418162/10", "40753679/0"], "val": []})
    ('41418162',)
    """
    return tuple(sorted({scene_of(line) for line in lists["train"]} & set(kept_back)))


def clean_split(
    lists: Mapping[str, Sequence[str]], kept_back: Collection[str] = VALIDATION_SCENES
) -> dict[str, list[str]]:
    """The same frames by scenes that never meet: train, val and test -> lines, in the order of the lists.

    Of the published lists that is 496, 110 and 176 scenes (29,519, 6,706 and 10,704 frames).

    >>> clean_split({"train": ["41418162/10", "1/0"], "val": ["2/0", "42444499/20"]})
    {'train': ['1/0'], 'val': ['2/0'], 'test': ['41418162/10', '42444499/20']}
    """
    every = {
        "train": [line for line in lists["train"] if scene_of(line) not in kept_back],
        "val": [line for line in lists["val"] if scene_of(line) not in kept_back],
    }
    every["test"] = [line for part in ("train", "val") for line in lists[part] if scene_of(line) in kept_back]
    return every


def scene_of(line: str) -> str:
    """The scene of a line "SCENE/FRAME"."""
    return line.partition("/")[0]
