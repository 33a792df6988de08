"""Geometry of depth frames: cameras, rays, back-projection, fusion and the object frame."""
