"""The parts of OcCo that its two tasks share (Wang et al., ICCV 2021)."""
