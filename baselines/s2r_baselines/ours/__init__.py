"""Stable-Sim2Real: two-stage residual depth diffusion with a 3D patch discriminator between the stages.

Stage I learns the residual of the captured to the clean depth. A patch discriminator, trained to tell its outputs from
captures in 3D, flags the patches that are off; stage II is conditioned on the clean depth and on stage I's maps and
trained with the loss weighted towards those patches (Stable-Sim2Real, ICCV 2025, section 3).
"""

from s2r_baselines.ours.simulator import StableSim2Real
from s2r_bench.simulator import Simulator

simulator: type[Simulator] = StableSim2Real
