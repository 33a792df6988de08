"""What `s2r-bench data prepare` calls: pair folders made from a recorded sequence, or adopted from pairs."""

from s2r_bench.data.adopt import prepare_pairs

__all__ = ["prepare_pairs"]
