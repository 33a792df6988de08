"""Tasks, one file each: what simulated data is good for, measured."""
