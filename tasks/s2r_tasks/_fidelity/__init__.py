"""The parts of the task `fidelity`."""
