"""OcCo's pretraining on an arm's views, kept on the shelf: what `classify` and `segment` both start from.

    from s2r_tasks._occo.pretraining import pretrained, pretrained_state

    folder = pretrained(arm, world, shelf, networks, options, seed, device)     # -> Path
    state = pretrained_state(folder)                                            # name -> tensor, statistics included
    transfer(state, network, networks.transfer, source=folder.name, report=workdir / "transfer_report.json")

`networks` is `ClassifyNetworks` or `SegmentNetworks`: whatever has `partial`, `decoder` and `completion()`. `options`
are the task's `PretrainOptions`. `world` holds objects (`HoldsObjects`), `arm` has a simulator; an arm without one
starts from fresh weights and has nothing to ask for here. What decides the result is in the folder's key: the world,
the arm's identity and the seed, the encoder and the decoder, the options, and the code. Heads and the sizes of what is
trained later are not in it.

    FOLDER/weights.safetensors    the whole completion network, running statistics of its normalisations included
    FOLDER/pretraining.json       curve of the loss, numbers of views learned from and left out
"""

from s2r_tasks._occo.pretraining.fit import Completes, pretrained, pretrained_state, pretraining_facts
from s2r_tasks._occo.pretraining.options import PretrainOptions

__all__ = ["Completes", "PretrainOptions", "pretrained", "pretrained_state", "pretraining_facts"]
