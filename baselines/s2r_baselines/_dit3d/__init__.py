"""A diffusion transformer on voxelised clouds: grid, network, noise process, windows, projection (`dit3d`)."""
