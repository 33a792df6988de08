"""DisCo's networks and augmentations against plain forms and known values."""

from functools import partial

import numpy as np
import pytest
import torch

from s2r_tasks._disco import edm
from s2r_tasks._disco.augment import CloudOptions, PoseOptions, cluster_labels, moved, perturbed, random_pose
from s2r_tasks._disco.denoiser import Denoiser, DenoiserOptions, denoising_loss
from s2r_tasks._disco.planes import AXES, RollOut, cells, joined, laid_out, place, pooled, sampled, spread
from s2r_tasks._disco.points import EMBEDDED, PlaneUNet, embedded
from s2r_tasks._disco.vae import TriplaneVae, VaeOptions, vae_loss

VAE = VaeOptions(side=16, latent=2, hidden=16, blocks=2, width=8, start=4, depth=2)
DENOISER = DenoiserOptions(channels=(8, 16), embedding=16, condition=4, hidden=8, start=4, depth=1, blocks=2, groups=4)


def points(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, 3, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_points_fall_on_the_published_cells() -> None:
    at = torch.tensor([[[-1.1, 0.0, 1.0], [5.0, -5.0, 0.0]]])
    assert place(at)[0, 0].tolist() == pytest.approx([0.0, 0.5, 1 / 2.20002 + 0.5], abs=1e-5)
    found = cells(at, 10)
    u, v = AXES[0]
    column, row = (int(10 * place(at)[0, 0, axis]) for axis in (u, v))
    assert found[0, 0, 0] == column + 10 * row
    assert int(found.max()) < 100  # points beyond the planes are clamped


def test_pooling_equals_a_loop() -> None:
    cloud, features = points(2, 40), torch.randn(2, 40, 3, generator=torch.Generator().manual_seed(1))
    index = cells(cloud, 4)
    expected = torch.zeros_like(features)
    mean = torch.zeros(2, 3, 3, 16)
    for item in range(2):
        for plane in range(3):
            for cell in range(16):
                inside = index[item, plane] == cell
                if inside.any():
                    expected[item, inside] += features[item, inside].amax(0)
                    mean[item, plane, :, cell] = features[item, inside].mean(0)
    torch.testing.assert_close(pooled(features, index, 4), expected)
    torch.testing.assert_close(spread(features, index, 4, "mean").flatten(3), mean)


def test_sampling_reads_the_axes_of_each_plane() -> None:
    side = 5
    ramp = torch.linspace(-1, 1, side)
    planes = torch.stack([torch.stack([ramp.expand(side, side), ramp[:, None].expand(side, side)])] * 3)[None]
    cloud = points(1, 20) * 0.9
    found, at = sampled(planes, cloud)[0], 2 * place(cloud[0]) - 1
    expected = torch.cat([at[:, list(pair)] for pair in AXES], 1)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("side", [1, 2, 3, 8])
def test_roll_out_convolves_a_plane_beside_what_the_others_hold_along_the_shared_axis(side: int) -> None:
    torch.manual_seed(0)
    layer = RollOut(2).double()
    planes = torch.randn(2, 3, 2, side, side, dtype=torch.float64)  # rows go with the second axis of a pair
    for own, (across, down) in enumerate(AXES):
        beside = [planes[:, own]]
        for other in (plane for plane in range(3) if plane != own):
            (lacking,) = set(AXES[other]) - {across, down}
            line = planes[:, other].mean(-1 if AXES[other][0] == lacking else -2)
            along_rows = (set(AXES[other]) - {lacking}) == {down}
            wide = line[..., :, None] if along_rows else line[..., None, :]
            beside.append(wide.expand(-1, -1, side, side))
        expected = layer.conv.conv(torch.cat(beside, 1))
        torch.testing.assert_close(layer(planes)[:, own], expected)


def test_gradients_that_are_written_out_are_the_functions_own() -> None:
    torch.manual_seed(0)
    layer = RollOut(2).double()
    planes = torch.randn(2, 3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(layer, (planes,))
    index, features = cells(points(2, 30), 4), torch.randn(2, 30, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: pooled(x, index, 4), (features,))


def test_points_that_are_equally_large_share_the_gradient_of_their_cell() -> None:
    features = torch.tensor([[[1.0], [1.0], [0.5]]], requires_grad=True)
    pooled(features, torch.zeros(1, 3, 3, dtype=torch.long), 2).sum().backward()
    assert features.grad is not None
    torch.testing.assert_close(features.grad.flatten(), torch.tensor([4.5, 4.5, 0.0]))  # 3 points, 3 planes


@pytest.mark.parametrize("side", [1, 2, 4])
def test_planes_do_not_depend_on_how_they_lie_in_memory(side: int) -> None:
    torch.manual_seed(0)
    network = PlaneUNet(2, 4, 3, 1, groups=2)
    planes = torch.randn(2, 3, 2, side, side)
    torch.testing.assert_close(network(laid_out(planes)), network(planes))
    torch.testing.assert_close(laid_out(planes), planes, rtol=0, atol=0)
    torch.testing.assert_close(joined(planes, 2 * planes), torch.cat([planes, 2 * planes], 2), rtol=0, atol=0)


def test_embedding_has_no_raw_coordinates() -> None:
    found = embedded(torch.tensor([[0.25, 0.0, 0.0]]))
    assert found.shape == (1, EMBEDDED) == (1, 48)
    x = found.view(1, 3, 16)[0, 0]
    assert x[0] == pytest.approx(np.sin(np.pi / 4), abs=1e-6)
    assert x[9] == pytest.approx(np.cos(np.pi / 2), abs=1e-6)


def test_preconditioning_is_the_identity_without_noise_and_the_network_with_much() -> None:
    x = torch.randn(2, 3, 1, 2, 2)
    out = torch.randn_like(x)
    small = edm.denoised(lambda a, b: out, x, torch.full((2,), 1e-4))
    torch.testing.assert_close(small, x, atol=1e-3, rtol=1e-3)
    large = edm.denoised(lambda a, b: out, x, torch.full((2,), 1e4))
    torch.testing.assert_close(large, 0.5 * out, atol=1e-3, rtol=1e-2)
    assert float(edm.loss_weight(torch.tensor([0.5]))) == pytest.approx((0.25 + 0.25) / 0.0625)


def test_sampler_reaches_the_only_datum_and_draws_items_alone() -> None:
    datum = torch.randn(3, 1, 2, 2, generator=torch.Generator().manual_seed(3)) * 0.5

    def perfect(scaled: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        sigma = (4 * level).exp().view(-1, 1, 1, 1, 1)
        total = sigma**2 + edm.SIGMA_DATA**2
        noisy = scaled * total.sqrt()
        return (datum - noisy * edm.SIGMA_DATA**2 / total) / (sigma * edm.SIGMA_DATA / total.sqrt())

    generators = [torch.Generator().manual_seed(seed) for seed in (1, 2)]
    found = edm.sample(perfect, (2, 3, 1, 2, 2), generators, 6)
    torch.testing.assert_close(found[0], datum, atol=1e-4, rtol=1e-4)

    def soft(scaled: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
        return 0.3 * scaled

    pair = edm.sample(soft, (2, 3, 1, 2, 2), [torch.Generator().manual_seed(s) for s in (1, 2)], 4)
    alone = edm.sample(soft, (1, 3, 1, 2, 2), [torch.Generator().manual_seed(2)], 4)
    torch.testing.assert_close(pair[1], alone[0])
    # one level is one call: what the network makes of the highest noise
    once = edm.sample(perfect, (1, 3, 1, 2, 2), generators[:1], 1)
    torch.testing.assert_close(once[0], datum, atol=1e-4, rtol=1e-4)


def test_poses_keep_shapes_in_the_cube_before_the_shift_and_clouds_with_them() -> None:
    half, dice = np.array([1.0, 0.4, 0.7]), np.random.default_rng(0)
    options = PoseOptions(yaw_deg=0)
    for _ in range(50):
        shape, cloud = random_pose(half, options, dice)
        np.testing.assert_array_equal(shape, cloud)
        sides = np.abs(np.diag(shape)[:3] * half)
        assert sides.max() == pytest.approx(1.0)
        assert np.abs(shape[:3, 3]).max() <= 0.1


def test_official_transform_is_off_by_what_was_measured() -> None:
    # the released code's partial clouds are off by 0.012 in the mean, 0.037 at most (one axis), over 2000 draws
    half, dice = np.ones(3), np.random.default_rng(0)
    off = []
    for _ in range(2000):
        shape, cloud = random_pose(half, PoseOptions(tran_mat="official"), dice)
        off.append(np.abs(shape[:3, 3] - cloud[:3, 3]))
    assert 0.003 < np.mean(off) < 0.02
    assert np.max(off) < 0.05


def test_perturbation_drops_whole_clusters_and_jitters() -> None:
    dice = np.random.default_rng(0)
    centres = np.repeat(np.eye(3, dtype=np.float32), 30, 0) * 0.8
    cloud = centres + dice.normal(0, 0.01, centres.shape).astype(np.float32)
    options = CloudOptions(dropout=1.0, clusters=3, keep=(1, 1), jitter=0.0)
    labels = cluster_labels(cloud, options, dice)
    found = perturbed(cloud, labels, 50, options, dice)
    assert found.shape == (50, 3)
    assert len(np.unique(found.argmax(1))) == 1
    noisy = perturbed(cloud[:1].repeat(400, 0), labels[:1].repeat(400), 400, CloudOptions(dropout=0), dice)
    assert noisy.std(0) == pytest.approx([0.02] * 3, rel=0.2)


def test_moving_is_homogeneous() -> None:
    transform = np.eye(4)
    transform[:3, 3] = [1, 2, 3]
    assert moved(np.zeros((1, 3), np.float32), transform).tolist() == [[1, 2, 3]]


def vae_batch() -> dict[str, torch.Tensor]:
    queries = points(4, 64)
    inside = (queries.norm(dim=-1) < 0.8).float()
    surface = torch.nn.functional.normalize(points(4, 128), dim=-1) * 0.8
    return {"surface": surface, "volume": queries, "volume_label": inside, "near": queries, "near_label": inside}


def test_autoencoder_learns_a_sphere() -> None:
    torch.manual_seed(0)
    network = TriplaneVae(VAE)
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    losses = []
    for step in range(40):
        loss = vae_loss(VAE, network, vae_batch(), torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-5:]) < 0.6 * np.mean(losses[:5])
    mean, _ = network.encode(vae_batch()["surface"])
    half = torch.nn.functional.interpolate(mean.flatten(0, 1), (8, 8), mode="bilinear").view(4, 3, 2, 8, 8)
    assert network.planes(half).shape == (4, 3, 8, 16, 16)  # latents of half the side are enlarged


def test_denoiser_learns_which_cloud_means_which_latent() -> None:
    torch.manual_seed(0)
    network = Denoiser(DENOISER, 2, 8, 6)
    latent = torch.tensor([-0.5, 0.5]).view(2, 1, 1, 1, 1).expand(2, 3, 2, 8, 8).contiguous()
    clouds = torch.stack([points(32)[0].expand(32, 3) * 0, torch.full((32, 3), 0.8)])
    batch = {
        "latent": latent.repeat(4, 1, 1, 1, 1),
        "partial": clouds.repeat(4, 1, 1),
        "category": torch.zeros(8, dtype=torch.long),
    }
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    losses = []
    for step in range(200):
        loss = denoising_loss(DENOISER, network, batch, torch.Generator().manual_seed(step))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.6 * np.mean(losses[:5])
    level = torch.zeros(2)
    condition = network.condition(clouds)
    direct = network(latent, level, clouds, torch.zeros(2, dtype=torch.long))
    torch.testing.assert_close(network.conditioned(latent, level, condition, torch.zeros(2, dtype=torch.long)), direct)


def test_losses_are_functions_of_their_generator() -> None:
    network = TriplaneVae(VAE)
    loss = partial(vae_loss, VAE, network, vae_batch())
    first, again, other = (float(loss(torch.Generator().manual_seed(seed)).detach()) for seed in (1, 1, 2))
    assert first == again != other
