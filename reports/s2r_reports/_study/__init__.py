"""The parts of the user study; `s2r_reports.study` is its door."""
