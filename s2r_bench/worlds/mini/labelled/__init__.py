"""Furnished rooms of six areas, captured all around by the virtual sensor, a class for every point.

`areas` says how the areas differ, `interiors` furnishes a room, `stands` places the camera, `build` captures, labels
and keeps.
"""
