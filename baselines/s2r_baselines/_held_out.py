"""What all methods share whose training curve tells of validation pairs (`s2r_bench.simulator.HoldsOut`)."""

from s2r_bench.simulator import PairSet


class KeepsHeldOut:
    """Keeps the validation pairs until `fit` asks for them; None where none were given."""

    held_out: PairSet | None = None

    def hold_out(self, pairs: PairSet) -> None:
        """Pairs whose loss the training's curve tells, and that nothing is learned from."""
        self.held_out = pairs
