"""What simulating costs: figures, not demands."""

import time

from s2r_bench.conformance.outcome import check
from s2r_bench.conformance.subject import Subject
from s2r_bench.steps.environment import peak_memory_mb, reset_peak_memory


@check("speed", "Frames a second.", remedy="", needs=("values",), figure=True)
def speed(subject: Subject) -> str:
    """The faster of two goes, all frames at once; what the first go warms up does not count."""
    times = []
    for _ in range(2):
        start = time.perf_counter()
        subject.draw(subject.fitted)
        times.append(time.perf_counter() - start)
    height, width = subject.frames[0].size
    return f"{len(subject.frames) / max(min(times), 1e-9):.3g} frames a second of {width}x{height} on {subject.device}"


@check("memory", "Peak memory.", remedy="", needs=("values",), figure=True)
def memory(subject: Subject) -> str:
    """Of the device while it simulates; on a CPU of the whole process so far."""
    reset_peak_memory(subject.device)
    subject.draw(subject.fitted)
    where = "while simulating" if subject.device.startswith("cuda") else "of the whole process, checks included"
    return f"{peak_memory_mb(subject.device):.0f} MiB {where}"
