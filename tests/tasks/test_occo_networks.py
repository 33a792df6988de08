"""OcCo's networks against plain forms, known sizes and published names."""

import itertools
import json
import os
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from s2r_bench.engine.loop import Loop, TrainOptions
from s2r_bench.errors import DataError, UsageError
from s2r_tasks._occo.completion import (
    ALPHAS,
    Completion,
    alpha,
    completion_loss,
    root_chamfer,
    training_loss,
)
from s2r_tasks._occo.decoder import DecoderOptions, FoldingDecoder
from s2r_tasks._occo.dgcnn import BlockEncoder, BlockOptions, ObjectEncoder, ObjectOptions
from s2r_tasks._occo.edges import EdgeLayer, moments
from s2r_tasks._occo.heads import Classifier, HeadOptions, Segmenter
from s2r_tasks._occo.layers import PointLayer
from s2r_tasks._occo.neighbours import global_rows, knn
from s2r_tasks._occo.options import ClassifyNetworks, SegmentNetworks
from s2r_tasks._occo.pointnet import PointNetEncoder, PointNetOptions
from s2r_tasks._occo.published import load_published, published_state, read_published, without_prefixes
from s2r_tasks._occo.transfer import TransferOptions, transfer

SMOKE = ClassifyNetworks.preset("smoke")
SMOKE_BLOCKS = SegmentNetworks.preset("smoke")
AUDIT = TransferOptions(rule="name_shape", allow_partial=True)


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clouds(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(*shape, 3, generator=dice(seed), dtype=torch.float64) - 0.5


def stirred(network: nn.Module) -> nn.Module:
    """In float64, with scales of both signs and running statistics that are not those of a fresh network."""
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            with torch.no_grad():
                module.weight.normal_(0, 1, generator=dice(1))
                module.bias.normal_(0, 1, generator=dice(2))
                module.running_mean.normal_(0, 0.3, generator=dice(3))
                module.running_var.uniform_(0.5, 1.5, generator=dice(4))
    return network.double()


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


# ------------------------------------------------------------------------------------------------ neighbours


def brute(features: torch.Tensor, k: int) -> torch.Tensor:
    apart = (features[:, :, None] - features[:, None]).square().sum(-1)
    return apart.sort(dim=-1, stable=True).indices[..., :k]


@pytest.mark.parametrize("budget", [1, 20_000, 2**28])
def test_neighbours_equal_brute_force_however_the_search_is_cut(budget: int) -> None:
    features = torch.randn(3, 50, 7, generator=dice(), dtype=torch.float64)
    for k in (1, 6, 50):
        assert torch.equal(knn(features, k, budget), brute(features, k))


@pytest.mark.parametrize("budget", [1, 2**28])
def test_the_lower_index_wins_among_equals(budget: int) -> None:
    # whole numbers: equal distances are equal bit for bit; most rows are cut between equals
    grid = torch.cartesian_prod(*[torch.arange(4.0)] * 2)
    cloud = torch.cat([grid, grid[:5]])[torch.randperm(21, generator=dice())][None]
    for k in (1, 2, 4, 7, 21):
        assert torch.equal(knn(cloud, k, budget), brute(cloud, k))


def test_neighbours_far_from_the_origin_keep_their_digits() -> None:
    cloud = clouds(1, 300).float() * 0.1
    assert torch.equal(knn(cloud + 64, 8), knn((cloud + 64).double(), 8))


def test_too_few_points_are_refused() -> None:
    with pytest.raises(ValueError, match="k = 5 neighbours of clouds of 4 points"):
        knn(torch.zeros(1, 4, 3), 5)


def test_global_rows_point_into_all_clouds() -> None:
    features, index = torch.randn(2, 5, 3), torch.randint(5, (2, 5, 4))
    expected = torch.stack([one[places] for one, places in zip(features, index, strict=True)])
    assert torch.equal(features.flatten(0, 1)[global_rows(index)], expected.flatten(0, 1))


# ------------------------------------------------------------------------------------------------ edges


def edge_tensor(points: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """(B, 2C, N, k): concat(x_j - x_i, x_i), the reference form's input."""
    batch = torch.arange(len(points))[:, None, None]
    near, own = points[batch, index], points[:, :, None].expand(-1, -1, index.shape[2], -1)
    return torch.cat([near - own, own], -1).permute(0, 3, 1, 2)


def plain(layers: list[nn.Module], points: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """The reference form: (B N, C) after convolution, normalisation and rectifier on all edges, and a maximum."""
    x = edge_tensor(points, index)
    for layer in layers:
        x = layer(x)
    return x.max(-1).values.permute(0, 2, 1).flatten(0, 1)


def fast(layers: list[nn.Module], points: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    rows = global_rows(index)
    if len(layers) == 1:
        return layers[0].edge_max(points.flatten(0, 1), rows)
    return layers[1].max_over(layers[0].edges(points.flatten(0, 1), rows), 1)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("number", [1, 2])
def test_edge_layers_equal_the_reference_form(number: int, training: bool) -> None:
    torch.manual_seed(0)
    found = []
    for form in (plain, fast):
        torch.manual_seed(0)
        layers = [EdgeLayer(5, 8), PointLayer(8, 6, dims=2)][:number]
        for layer in layers:
            stirred(layer).train(training)
        points = torch.randn(3, 12, 5, generator=dice(), dtype=torch.float64, requires_grad=True)
        index = knn(points, 4)
        out = form(layers, points, index)
        (out * torch.randn(out.shape, generator=dice(5), dtype=out.dtype)).sum().backward()
        weights = itertools.chain.from_iterable(layer.parameters() for layer in layers)
        state = itertools.chain.from_iterable(layer.buffers() for layer in layers)
        found.append([out.detach(), points.grad, *(p.grad for p in weights), *state])
    assert len(found[0]) == 2 + 6 * number
    for expected, got in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)


def test_points_drawn_twice_give_the_reference_gradients_of_weights() -> None:
    found = []
    for form in (plain, fast):
        torch.manual_seed(0)
        layer = stirred(EdgeLayer(3, 8))
        points = clouds(1, 9).repeat(1, 2, 1)  # each point has a twin: maxima are ties
        form([layer], points, knn(points, 5)).square().sum().backward()
        found.append([p.grad for p in layer.parameters()])
    for expected, got in zip(*found, strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-9, atol=1e-11)


def test_statistics_of_edges_survive_float32_where_terms_cancel() -> None:
    # neighbours that are close: what an edge adds is a thousandth of what its two terms are
    near = torch.randn(400, 3, generator=dice()).cumsum(0) * 1e-3 + 5
    rows = torch.stack([torch.arange(400), (torch.arange(400) + 1) % 400], 1)
    rows[-1, 1] = 398
    mean, var = moments(near, -near, rows)
    edges = near.double()[rows] - near.double()[:, None]
    torch.testing.assert_close(mean.double(), edges.mean((0, 1)), rtol=1e-2, atol=1e-7)
    torch.testing.assert_close(var.double(), edges.flatten(0, 1).var(0, correction=0), rtol=1e-2, atol=0)


def test_one_edge_layer_keeps_nothing_of_the_size_of_its_edges() -> None:
    sizes: list[int] = []

    def note(tensor: torch.Tensor) -> torch.Tensor:
        sizes.append(tensor.numel())
        return tensor

    layer, count, k = EdgeLayer(8, 32), 60, 12
    points = torch.randn(count, 8, requires_grad=True)
    rows = global_rows(knn(points[None], k))
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        layer.edge_max(points, rows)
    assert max(sizes) == count * 32 < count * k * 32


@pytest.mark.parametrize("training", [True, False])
def test_rows_and_the_late_rectifier_equal_the_plain_layer(training: bool) -> None:
    found = []
    for form in ("plain", "rows", "max_over"):
        torch.manual_seed(0)
        layer = stirred(PointLayer(4, 7)).train(training)
        x = torch.randn(2, 9, 4, generator=dice(), dtype=torch.float64)
        if form == "plain":
            out = layer(x.mT).amax(-1)
        else:
            out = layer.rows(x).amax(1) if form == "rows" else layer.max_over(x, 1)
        found.append([out, *layer.buffers()])
    for other in found[1:]:
        for expected, got in zip(found[0], other, strict=True):
            torch.testing.assert_close(got, expected)


def test_without_a_momentum_running_statistics_are_the_mean_of_all_batches() -> None:
    layers = [stirred(EdgeLayer(3, 4)) for _ in range(2)]
    layers[1].load_state_dict(layers[0].state_dict())
    for layer, form in zip(layers, (plain, fast), strict=True):
        layer.norm.momentum = None
        for seed in range(3):
            points = clouds(2, 10, seed=seed)
            form([layer], points, knn(points, 3))
    torch.testing.assert_close(layers[0].norm.running_var, layers[1].norm.running_var)


# ------------------------------------------------------------------------------------------------ encoders


def reference_object_feature(encoder: ObjectEncoder, cloud: torch.Tensor) -> torch.Tensor:
    """(B, 1024, N): the published encoder layer by layer, on edge tensors."""
    x, kept = cloud, []
    for layer in (encoder.conv1, encoder.conv2, encoder.conv3, encoder.conv4):
        x = layer(edge_tensor(x, brute(x, encoder.k))).max(-1).values.mT
        kept.append(x)
    return encoder.conv5(torch.cat(kept, -1).mT)


def reference_logits(network: Segmenter, block: torch.Tensor) -> torch.Tensor:
    encoder, head = network.encoder, network.head
    x = encoder.conv2(encoder.conv1(edge_tensor(block, brute(block[..., 6:9], encoder.k))))
    first = x.max(-1).values.mT
    x = encoder.conv4(encoder.conv3(edge_tensor(first, brute(first, encoder.k))))
    second = x.max(-1).values.mT
    third = encoder.conv5(edge_tensor(second, brute(second, encoder.k))).max(-1).values.mT
    local = torch.cat([first, second, third], -1).mT
    whole = encoder.conv6(local).amax(-1, keepdim=True).expand(-1, -1, block.shape[1])
    return head.conv9(head.conv8(head.conv7(torch.cat([whole, local], 1)))).mT


@pytest.mark.parametrize("training", [True, False])
def test_classifier_equals_the_published_form(training: bool) -> None:
    torch.manual_seed(0)
    network = stirred(SMOKE.model_copy(update={"head": HeadOptions(hidden=(16, 8), dropout=0)}).classifier(5))
    network.train(training)
    cloud = clouds(4, 32)
    full = reference_object_feature(network.encoder, cloud)
    pooled = torch.cat([full.amax(-1), full.mean(-1)], 1)
    torch.testing.assert_close(network.encoder(cloud), full.amax(-1))
    torch.testing.assert_close(network.encoder.pooled(cloud), pooled)
    assert network(cloud).shape == (4, 5)
    torch.testing.assert_close(network(cloud), network.head(pooled))


@pytest.mark.parametrize("training", [True, False])
def test_segmenter_equals_the_published_form(training: bool) -> None:
    torch.manual_seed(0)
    network = stirred(SMOKE_BLOCKS.segmenter(13)).train(training)
    network.head.dropout.p = 0.0
    block = torch.rand(2, 32, 9, generator=dice(), dtype=torch.float64)
    found = network(block)
    assert found.shape == (2, 32, 13)
    torch.testing.assert_close(found, reference_logits(network, block))


def test_a_cloud_does_not_depend_on_its_batch_or_its_order() -> None:
    torch.manual_seed(0)
    cloud, order = clouds(3, 32), torch.randperm(32, generator=dice())
    for encoder in (SMOKE.built_encoder(), PointNetEncoder(SMOKE.pointnet), SMOKE_BLOCKS.completion().encoder):
        stirred(encoder).eval()
        torch.testing.assert_close(encoder(cloud)[1:2], encoder(cloud[1:2]))
        torch.testing.assert_close(encoder(cloud), encoder(cloud[:, order]))


def test_pointnet_equals_its_layers() -> None:
    torch.manual_seed(0)
    encoder = stirred(PointNetEncoder(PointNetOptions(widths=(4, 6), features=8), channels=5)).eval()
    cloud = torch.rand(2, 10, 5, generator=dice(), dtype=torch.float64)

    def pointwise(part: nn.Module, x: torch.Tensor) -> torch.Tensor:
        x = part.bn1(part.conv1(x)).relu()
        return part.bn3(part.conv3(part.bn2(part.conv2(x)).relu()))

    turn = encoder.stn
    x = pointwise(turn, cloud.mT).relu().amax(-1)
    x = turn.fc3(turn.bn5(turn.fc2(turn.bn4(turn.fc1(x)).relu())).relu())
    matrices = x.view(2, 3, 3) + torch.eye(3)
    turned = torch.cat([torch.bmm(cloud[..., :3], matrices), cloud[..., 3:]], -1)
    torch.testing.assert_close(encoder(cloud), pointwise(encoder, turned.mT).amax(-1))


def test_half_precision_searches_and_normalises_in_full() -> None:
    torch.manual_seed(0)
    network, cloud = SMOKE.classifier(3), clouds(4, 32).float()
    exact = network.encoder.local(cloud)
    with torch.autocast("cpu", torch.bfloat16):
        rough = network.encoder.local(cloud)
        index = knn(cloud, 4)
    assert torch.equal(index, knn(cloud, 4))
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().mean() < 0.1 * exact.abs().mean()


# ------------------------------------------------------------------------------------------------ sizes and names


def test_published_numbers_of_parameters() -> None:
    with torch.device("meta"):
        objects, blocks = ClassifyNetworks(), SegmentNetworks()
        assert parameters(objects.built_encoder()) == 617_856
        assert parameters(objects.classifier(15)) == 1_803_151
        assert parameters(objects.completion()) == 6_657_411
        assert parameters(blocks.segmenter(13)) == 983_552
        assert parameters(blocks.segmenter(13).encoder) == 225_024
        assert parameters(PointNetEncoder(PointNetOptions())) == 946_185
    assert objects.decoder.fine == 16_384


def normalisation(name: str) -> set[str]:
    return {f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")}


def layered(numbers: range) -> set[str]:
    """Names of convolutions with their normalisations, each under both of its names."""
    normed = (normalisation(name) for n in numbers for name in (f"conv{n}.1", f"bn{n}"))
    return {f"conv{n}.0.weight" for n in numbers}.union(*normed)


def dense(name: str, *places: int) -> set[str]:
    return {f"{name}.{place}.{part}" for place in places for part in ("weight", "bias")}


def test_states_have_the_published_names() -> None:
    folding = dense("folding1", 0, 2, 4) | dense("folding2", 0, 2, 4)
    assert set(published_state(SMOKE.completion())) == layered(range(1, 6)) | folding
    head = {"linear1.weight", "linear2.weight", "linear2.bias", "linear3.weight", "linear3.bias"}
    head |= normalisation("bn6") | normalisation("bn7")
    assert set(published_state(SMOKE.classifier(5))) == layered(range(1, 6)) | head
    assert set(published_state(SMOKE_BLOCKS.segmenter(13))) == layered(range(1, 9)) | {"conv9.weight"}
    pointnet = Completion(PointNetEncoder(SMOKE.pointnet), SMOKE.decoder)
    names = set(published_state(pointnet, "module."))
    assert {"module.feat.stn.conv1.weight", "module.feat.bn3.running_var", "module.folding2.4.bias"} < names
    shapes = {name: tuple(tensor.shape) for name, tensor in published_state(ObjectEncoder(ObjectOptions())).items()}
    assert shapes["conv1.0.weight"] == (64, 6, 1, 1)
    assert shapes["conv4.0.weight"] == (256, 256, 1, 1)
    assert shapes["conv5.0.weight"] == (1024, 512, 1)


# ------------------------------------------------------------------------------------------------ decoder, loss


def test_sixteen_fine_points_in_a_row_belong_to_one_coarse_point() -> None:
    torch.manual_seed(0)
    decoder = FoldingDecoder(8, DecoderOptions(coarse=5, hidden=16, folding=8)).double()
    feature = torch.randn(2, 8, generator=dice(), dtype=torch.float64)
    coarse, fine = decoder(feature)
    assert (coarse.shape, fine.shape) == ((2, 5, 3), (2, 80, 3))
    # the published form: one row of concat(grid, coarse point, feature) a fine point
    grid = decoder.grid.repeat(5, 1).expand(2, -1, -1)
    centre = coarse.repeat_interleave(16, 1)
    rows = torch.cat([grid, centre, feature[:, None].expand(-1, 80, -1)], 2)
    torch.testing.assert_close(fine, decoder.folding2(rows.mT).mT + centre)
    with torch.no_grad():
        decoder.folding2[4].weight.zero_()
        decoder.folding2[4].bias.zero_()
    assert torch.equal(decoder(feature)[1], centre)


def test_grid_spans_its_scale_and_its_second_axis_runs_faster() -> None:
    for scale in (0.05, 0.5):
        grid = FoldingDecoder(4, DecoderOptions(grid_scale=scale)).grid
        line = np.linspace(-scale, scale, 4)
        np.testing.assert_allclose(grid.numpy(), list(itertools.product(line, line)), atol=1e-7)


def test_loss_equals_brute_force() -> None:
    coarse, fine, complete = clouds(3, 4), clouds(3, 16, seed=1), clouds(3, 20, seed=2)

    def half_sum(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        apart = torch.stack([(x[:, None] - y[None]).norm(dim=-1) for x, y in zip(a, b, strict=True)])
        return (apart.amin(2).mean() + apart.amin(1).mean()) / 2

    for weight in (0.01, torch.tensor(0.5)):
        expected = half_sum(coarse, complete) + weight * half_sum(fine, complete)
        torch.testing.assert_close(completion_loss(coarse, fine, complete, weight), expected)


def test_loss_has_a_gradient_where_clouds_touch() -> None:
    cloud = clouds(1, 6)
    moved = cloud.clone()
    moved[:, 0] += 0.1
    moved.requires_grad_()
    root_chamfer(moved, cloud).backward()
    assert torch.isfinite(moved.grad).all()
    assert moved.grad[0, 0].abs().sum() > 0
    assert moved.grad[0, 1:].abs().sum() < 1  # where points coincide there is no slope to go down


def test_a_network_that_diverged_gives_nan() -> None:
    broken = clouds(1, 4)
    broken[0, 0, 0] = torch.inf
    assert completion_loss(broken, clouds(1, 4), clouds(1, 4), 1.0).isnan()


@pytest.mark.parametrize("steps", [4, 7, 20, 240, 153_750])
def test_alpha_walks_through_all_its_stages(steps: int) -> None:
    found = [alpha(step, steps) for step in range(steps)]
    assert list(dict.fromkeys(found)) == [0.01, 0.1, 0.5, 1.0]
    if steps >= 240:
        last = [len(found) - 1 - found[::-1].index(value) for _, value in ALPHAS]
        np.testing.assert_allclose(last, [steps * until / 153_750 for until, _ in ALPHAS], atol=1)


def test_completion_learns_two_shapes() -> None:
    torch.manual_seed(0)
    network = Completion(ObjectEncoder(ObjectOptions(k=4, widths=(8, 8, 8, 16), features=16)), SMOKE.decoder)
    box = clouds(2, 64).float()
    box[0] *= torch.tensor([1, 0.1, 0.1])
    batch = {"partial": box[:, :32], "complete": box, "alpha": torch.tensor(0.5)}
    optimiser, losses = torch.optim.Adam(network.parameters(), 5e-3), []
    for _ in range(40):
        loss = training_loss(network, batch, dice())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.6 * losses[0]
    assert all(p.grad is not None for p in network.parameters())


def test_the_training_loop_stores_and_resumes_a_completion(tmp_path) -> None:
    options = TrainOptions(steps=2, batch=2, ema=0.0, precision="fp32")
    batch = {"partial": clouds(2, 32).float(), "complete": clouds(2, 40).float(), "alpha": torch.tensor(0.5)}
    states = []
    for run in range(2):
        torch.manual_seed(run)
        network = SMOKE.completion()
        loop = Loop(network, options, seed=0, workdir=tmp_path)
        assert loop.step == 2 * run
        weights = loop.run(lambda step, rank: batch, training_loss).weights
        assert set(weights) == {name for name, _ in network.named_parameters()}
        states.append(network.state_dict())
    for name, tensor in states[0].items():
        assert torch.equal(states[1][name], tensor)


# ------------------------------------------------------------------------------------------------ transfer


def test_the_whole_encoder_reaches_the_classifier() -> None:
    torch.manual_seed(0)
    source, network = stirred(ClassifyNetworks().completion()).float(), ClassifyNetworks().classifier(15)
    head = network.head.linear1.weight.clone()
    found = transfer(published_state(source, "module."), network)
    assert (found.copied_parameters, found.encoder_parameters, found.encoder_percent) == (617_856, 617_856, 100)
    assert found.percent == pytest.approx(100 * 617_856 / 1_803_151)
    assert {name.split(".")[0] for name in found.unused} == {"folding1", "folding2"}
    assert {one.reason for one in found.skipped} == {"not the encoder's"}
    for name, tensor in source.encoder.state_dict().items():
        assert torch.equal(network.encoder.state_dict()[name], tensor)
    assert torch.equal(network.head.linear1.weight, head)


def test_by_name_and_shape_almost_nothing_reaches_the_segmentation() -> None:
    state = published_state(ClassifyNetworks().completion())
    network = SegmentNetworks().segmenter(13)
    with pytest.raises(DataError, match=r"fill 0\.03 % of the Segmenter's parameters by the rule name_shape, 15 %"):
        transfer(state, network, TransferOptions(rule="name_shape"))
    found = transfer(state, network, AUDIT)
    assert (found.copied_parameters, f"{found.percent:.2f}") == (256, "0.03")
    weights = {one.name.rpartition(".")[0] for one in found.copied if one.parameters}
    assert weights == {"encoder.conv1.1", "encoder.conv2.1"}
    # the classifier gets everything by either rule
    assert transfer(state, ClassifyNetworks().classifier(15), AUDIT).copied_parameters == 617_856


def test_a_segmentation_encoder_reaches_the_segmentation_with_its_first_columns_in_place() -> None:
    torch.manual_seed(0)
    source, network = stirred(SegmentNetworks().completion()).float(), SegmentNetworks().segmenter(13)
    before, new = network.encoder.conv1.weight.detach().clone(), source.encoder.conv1.weight
    found = transfer(source.state_dict(), network)
    assert found.copied_parameters == 225_024 - 64 * 12
    assert found.percent > 15
    after = network.encoder.conv1.weight
    assert torch.equal(after[:, 0:3], new[:, :3])
    assert torch.equal(after[:, 9:12], new[:, 3:])
    kept = [*range(3, 9), *range(12, 18)]
    assert torch.equal(after[:, kept], before[:, kept])
    assert [one.part for one in found.copied if one.part != "all"] == ["columns 0:3, 9:12"]
    assert torch.equal(network.encoder.conv6.norm.running_var, source.encoder.conv6.norm.running_var)


def test_xyz_goes_on_as_the_same_function_where_further_channels_are_ignored() -> None:
    torch.manual_seed(0)
    source = stirred(SMOKE_BLOCKS.completion()).eval()
    network = SMOKE_BLOCKS.segmenter(13).double().eval()
    transfer(source.state_dict(), network)
    cloud = clouds(2, 32)
    with torch.no_grad():
        network.encoder.conv1[0].weight[:, [*range(3, 9), *range(12, 18)]] = 0
    block = torch.cat([cloud, torch.rand(2, 32, 3, dtype=torch.float64), cloud], -1)  # the graph is of the last three
    torch.testing.assert_close(network.encoder(block), source.encoder(cloud))


@pytest.mark.parametrize("preset", ["smoke", "tiny", "small", "paper"])
def test_every_preset_transfers_enough_and_fits_together(preset: str) -> None:
    objects, blocks = ClassifyNetworks.preset(preset), SegmentNetworks.preset(preset)
    assert transfer(objects.completion().state_dict(), objects.classifier(5)).encoder_percent == 100
    assert transfer(blocks.completion().state_dict(), blocks.segmenter(13)).percent > 15
    pointnet = ClassifyNetworks.preset(preset, {"encoder": "pointnet"})
    assert transfer(pointnet.completion().state_dict(), pointnet.classifier(5)).encoder_percent == 100


def test_too_little_leaves_the_network_alone_and_the_report_behind(tmp_path) -> None:
    network = SMOKE_BLOCKS.segmenter(13)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    state = published_state(SMOKE.completion())
    with pytest.raises(DataError, match="allow_partial=true"):
        transfer(state, network, source="objects.pth", report=tmp_path / "transfer_report.json")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    written = json.loads((tmp_path / "transfer_report.json").read_text())
    assert written["source"] == "objects.pth"
    assert written["percent"] < 15
    assert {"name": "encoder.conv4.0.weight", "shape": [4, 4, 1, 1], "reason": "shape (8, 16, 1, 1) in the source"} in (
        written["skipped"]
    )
    found = transfer(state, network, TransferOptions(allow_partial=True))
    assert found.percent == written["percent"]


# ------------------------------------------------------------------------------------------------ checkpoints


@pytest.mark.parametrize("zipped", [True, False])
def test_a_published_checkpoint_is_read(tmp_path, zipped: bool) -> None:
    torch.manual_seed(0)
    source = stirred(SMOKE.completion()).float()
    held = {
        "step": 100,
        "epoch": 50,
        "model_state_dict": published_state(source, "module."),
        "optimizer_state_dict": torch.optim.Adam(source.parameters()).state_dict(),
        "accuracy": np.float64(0.5),  # as scores of scikit-learn are
    }
    torch.save(held, tmp_path / "dgcnn.pth", _use_new_zipfile_serialization=zipped)
    state = read_published(tmp_path / "dgcnn.pth")
    assert set(state) == set(published_state(source))
    other = SMOKE.completion()
    load_published(other, state)
    cloud = clouds(2, 32).float()
    assert torch.equal(other.eval()(cloud)[1], source.eval()(cloud)[1])
    network = SMOKE.classifier(5)
    assert transfer(state, network).encoder_percent == 100
    # the second name alone will do
    lone = {name: tensor for name, tensor in state.items() if ".1." not in name}
    assert transfer(lone, network).encoder_percent == 100


@pytest.mark.parametrize("key", [None, "state_dict", "model", "base_model"])
def test_other_habits_of_checkpoints(tmp_path, key: str | None) -> None:
    state = {f"backbone.encoder.{name}": tensor for name, tensor in SMOKE.built_encoder().state_dict().items()}
    torch.save(state if key is None else {key: state}, tmp_path / "x.t7")
    assert transfer(read_published(tmp_path / "x.t7"), SMOKE.classifier(2)).encoder_percent == 100


class Malicious:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_that_would_run_code_is_refused_and_does_not_run(tmp_path, zipped: bool) -> None:
    path, made = tmp_path / "evil.pth", tmp_path / "made"
    held = {"model_state_dict": published_state(SMOKE.completion()), "best": Malicious(str(made))}
    torch.save(held, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=r"evil\.pth is refused: it asks for posix\.mkdir"):
        read_published(path)
    assert not made.exists()


def test_files_that_are_no_checkpoints(tmp_path) -> None:
    with pytest.raises(DataError, match="is missing"):
        read_published(tmp_path / "none.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(DataError, match=r"text\.pth is (refused|not a readable)"):
        read_published(tmp_path / "text.pth")
    (tmp_path / "empty.pth").touch()
    with pytest.raises(DataError, match=r"empty\.pth is not a readable checkpoint"):
        read_published(tmp_path / "empty.pth")
    torch.save({"epoch": 3}, tmp_path / "bare.pth")
    with pytest.raises(DataError, match="holds no tensors by name"):
        read_published(tmp_path / "bare.pth")
    torch.save([torch.zeros(2)], tmp_path / "list.pth")
    with pytest.raises(DataError, match="holds no tensors by name"):
        read_published(tmp_path / "list.pth")


def test_weights_of_another_network_are_refused() -> None:
    state = published_state(SMOKE.completion())
    with pytest.raises(DataError, match=r"not the weights of a Classifier of this size: .* is not there"):
        load_published(SMOKE.classifier(5), state)
    with pytest.raises(DataError, match="has shape"):
        load_published(ClassifyNetworks.preset("tiny").completion(), state)
    with pytest.raises(DataError, match=r"extra\.weight is not expected"):
        load_published(SMOKE.completion(), state | {"extra.weight": torch.zeros(1)})


def test_where_two_names_become_one_the_encoder_has_it() -> None:
    mine, other = torch.zeros(1), torch.ones(1)
    for names in (("feat.bn1.weight", "bn1.weight"), ("bn1.weight", "feat.bn1.weight")):
        given = {name: mine if name.startswith("feat.") else other for name in names}
        assert without_prefixes(given)["bn1.weight"] is mine


# ------------------------------------------------------------------------------------------------ options


def test_options_refuse_clouds_smaller_than_their_graphs() -> None:
    for refused in (partial(ClassifyNetworks.preset, "tiny"), partial(SegmentNetworks.preset, "tiny")):
        with pytest.raises(UsageError, match=r"dgcnn\.k = 300"):
            refused({"dgcnn.k": 300})
    assert ClassifyNetworks.preset("paper") == ClassifyNetworks()
    assert SegmentNetworks.preset("paper").dgcnn == BlockOptions()


@pytest.mark.parametrize("channels", [3, 6, 9])
def test_blocks_of_other_channels(channels: int) -> None:
    network = Segmenter(BlockEncoder(SMOKE_BLOCKS.dgcnn, channels), SMOKE_BLOCKS.head, 4).eval()
    assert network(torch.rand(2, 32, channels, generator=dice())).shape == (2, 32, 4)
    classifier = Classifier(network.encoder, HeadOptions(hidden=(4, 4)), 2).eval()
    assert classifier(torch.rand(2, 32, channels, generator=dice())).shape == (2, 2)
