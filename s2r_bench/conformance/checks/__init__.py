"""All checks in the order of the table: a check stands behind those that it needs."""

from s2r_bench.conformance.checks import contract, cost, draws, files, fits, frames
from s2r_bench.conformance.outcome import Check

CHECKS: tuple[Check, ...] = (
    contract.contract,
    contract.card,
    contract.leakage,
    contract.options,
    contract.not_fitted,
    fits.fit,
    fits.own_pairs,
    frames.values,
    frames.camera,
    frames.holes,
    frames.units,
    frames.depth_range,
    frames.inputs,
    draws.repeats,
    draws.seeds,
    draws.batch,
    fits.pairing,
    fits.fit_repeats,
    fits.resume,
    files.saved,
    files.process,
    files.no_pickle,
    files.damaged,
    cost.speed,
    cost.memory,
)
