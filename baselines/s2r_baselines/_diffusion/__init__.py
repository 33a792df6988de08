"""The conditional depth diffusion that `sd` has once and `ours` has in stages."""
