"""Keeps tests to one thread, so that they do not fight for cores, and off any display."""

import os

# before torch is imported: spinning OpenMP threads turn a busy machine into a stalled one
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("S2R_JOBS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
