"""LASA (Liu et al., CVPR 2024) in three published forms.

lasa_depth    pairs of CAD depth and ARKit depth, given out with Stable-Sim2Real: `pairs.py`
raw           one folder a scene, with a CAD of every annotated object: `objects.py`
occ_data      objects as DisCo reads them: labelled points and partial clouds, no meshes and no views: `disco.py`

Which scenes the benchmark scores, and why the published lists of `lasa_depth` leak: `split.py`.
"""
