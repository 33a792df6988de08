"""S3DIS (Armeni et al., CVPR 2016): rooms of six areas, every point with one of 13 classes, in three layouts.

    raw        the text files as they are given out: `raw.py`
    pointcept  one folder of arrays a room: `pointcept.py`
    archive    blocks of 4,096 points that were cut by others: `archive.py`

The first two give `Room`s, which `blocks.py` cuts as the archive was cut.
"""
