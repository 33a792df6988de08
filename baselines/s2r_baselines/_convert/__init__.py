"""From checkpoints of other codebases to ours. No simulator imports any of it."""
