"""What both tasks that pretrain by completion have in common."""

from s2r_bench.plan import Stored, Training
from s2r_tasks._occo.options import ClassifyNetworks, SegmentNetworks
from s2r_tasks._occo.pretraining.options import PretrainOptions

FLOAT = 4  # bytes


def completion(options: PretrainOptions, networks: ClassifyNetworks | SegmentNetworks) -> Training:
    """The pretraining of an arm and seed."""
    own = type(networks)()
    alike = (networks.partial, networks.dgcnn, networks.decoder) == (own.partial, own.dgcnn, own.decoder)
    # the time was taken with the encoder of objects
    timing = "occo-completion" if alike and isinstance(networks, ClassifyNetworks) else ""
    note = f"{options.views} views an object"
    return Training("completion", options.train.steps, options.train.batch, "arm", timing=timing, note=note)


def views(options: PretrainOptions) -> Stored:
    """The partial clouds of an object."""
    size = options.views * options.stored * 3 * FLOAT
    return Stored(
        "partial clouds of an object",
        size,
        None,
        "arm",
        note=f"{options.views} views, at most {options.stored} points each",
    )
