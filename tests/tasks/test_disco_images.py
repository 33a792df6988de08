"""The denoiser's eyes: against loops, without images as before, and what makes features of images."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from s2r_bench.data.images import ObjectImage
from s2r_bench.errors import DataError, UsageError
from s2r_tasks._disco import features as feature_steps
from s2r_tasks._disco import images as image_layers
from s2r_tasks._disco.augment import moved
from s2r_tasks._disco.backbones import open_backbone
from s2r_tasks._disco.denoiser import Denoiser, DenoiserOptions, denoising_loss
from s2r_tasks._disco.features import features_key, make_features, read_features
from s2r_tasks._disco.image_options import ImageOptions
from s2r_tasks._disco.images import BESIDE, NEAR, ImageAttention, Images, grid_points, projected
from s2r_tasks._disco.planes import AXES, cells, joined, laid_out, place, resized, stacked
from s2r_tasks._disco.vit import OPEN_CLIP, load_vit
from s2r_tasks._recon.images import Seen, Views
from s2r_tasks._recon.options import ReconOptions

SIZES = {"channels": (8, 16), "embedding": 16, "condition": 4, "hidden": 8, "start": 4, "depth": 1, "blocks": 2}
LOOKS = ImageOptions(views=3, fewest=1, heads=2, backbone="test", tokens=4, width=6)
BLIND = DenoiserOptions(**SIZES, groups=4)
SEEING = DenoiserOptions(**SIZES, groups=4, images=LOOKS)
GOLDEN_NAMES = (93, "ad69c9d59cf78368")
GOLDEN_WEIGHTS = 1538.1808499556619
GOLDEN_ANSWER = [-1.2450963258743286, -0.415820837020874, -0.6448395252227783, 0.2806951701641083]


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def projections(count: int, views: int) -> torch.Tensor:
    """Cameras around the object, some so near that the grid is partly behind them or beside the image."""
    dice, found = np.random.default_rng(1), []
    for number in range(count * views):
        turn, _ = np.linalg.qr(dice.normal(size=(3, 3)))
        matrix = np.eye(4)
        matrix[:3, :3], matrix[2, 3] = np.diag([1.5, 1.2, 1.0]) @ turn, 3.0 if number % 2 else 0.3
        found.append(matrix)
    return torch.tensor(np.stack(found)).float().view(count, views, 4, 4)


def images(count: int, options: ImageOptions = LOOKS) -> Images:
    shape = (count, options.views, options.width, options.tokens, options.tokens)
    return Images(torch.randn(shape, generator=draws(5)), projections(count, options.views))


def network(options: DenoiserOptions) -> Denoiser:
    """Seeded, and with last layers that are not zero, so that everything before them shows."""
    torch.manual_seed(3)
    made = Denoiser(options, 2, 8, 6)
    with torch.no_grad():
        made.leave.conv.weight.normal_(generator=draws(1))
        for layer in made.look.values():
            layer.leave.conv.weight.normal_(generator=draws(2))
            layer.leave.conv.bias.normal_(generator=draws(3))
    return made.eval()


def inputs(count: int = 2) -> tuple[torch.Tensor, ...]:
    latent = torch.randn(count, 3, 2, 8, 8, generator=draws())
    partial = torch.rand(count, 20, 3, generator=draws(1)) * 2 - 1
    return latent, torch.linspace(-0.5, 0.5, count), partial, torch.arange(count) % 6


# without images: as before


def plain(net: Denoiser, latent, level, partial, category) -> torch.Tensor:
    """The forward of a denoiser without images, written down before there were any."""
    rates = torch.exp(-torch.arange(8) * (9.21 / 8))
    angle = 1000 * level[:, None] * rates
    about = net.time(torch.cat([angle.sin(), angle.cos()], 1)) + net.category(category)
    planes, kept = joined(net.enter(laid_out(latent)), net.partial(partial)), []
    for number, block in enumerate(net.down):
        if number:
            planes = stacked(nn.functional.avg_pool2d(planes.flatten(0, 1), 2))
        planes = block(planes, about)
        kept.append(planes)
    planes = net.middle(planes, about)
    for number in range(len(net.up) - 1, -1, -1):
        planes = net.up[number](joined(kept[number], resized(planes, kept[number].shape[-1])), about)
    return net.leave(nn.functional.silu(net.norm(planes)))


def test_a_network_that_is_not_made_for_images_is_what_it_was() -> None:
    blind = network(BLIND)
    shapes = {name: list(tensor.shape) for name, tensor in blind.state_dict().items()}
    text = json.dumps(shapes, sort_keys=True)
    # names and shapes, weights and an answer, of the last version that knew no images
    assert (len(shapes), hashlib.sha256(text.encode()).hexdigest()[:16]) == GOLDEN_NAMES
    weights = sum(float(p.double().abs().sum()) for p in blind.state_dict().values())
    with torch.no_grad():
        found = blind(*inputs())
        assert torch.equal(found, plain(blind, *inputs()))
    assert weights == pytest.approx(GOLDEN_WEIGHTS, rel=1e-9)
    torch.testing.assert_close(found[1, 2, 1, 3, :4], torch.tensor(GOLDEN_ANSWER), rtol=1e-4, atol=1e-5)


def test_images_are_off_but_at_paper() -> None:
    for preset in ("smoke", "tiny", "small"):
        assert ReconOptions.preset(preset).denoiser.images == ImageOptions()
    assert ReconOptions.preset("paper").denoiser.images == ImageOptions(views=5)
    assert ReconOptions.preset("paper", {"denoiser.images.views": 0}) == ReconOptions()
    with pytest.raises(UsageError, match="no planes would look at images"):
        ReconOptions.preset("paper", {"denoiser.images.finest": 4})
    with pytest.raises(UsageError, match=r"multiples of images\.heads"):
        ReconOptions.preset("paper", {"denoiser.images.heads": 7})
    with pytest.raises(UsageError, match="fewest"):
        ReconOptions.preset("smoke", {"denoiser.images.views": 1})


def test_the_published_sizes_look_at_8_16_and_32() -> None:
    with torch.device("meta"):
        paper = ReconOptions.preset("paper")
        made = Denoiser(paper.denoiser, paper.vae.latent, paper.vae.side // 2, 6)
    assert {64 >> int(number): layer.query.out_features for number, layer in made.look.items()} == {
        8: 512,
        16: 256,
        32: 128,
    }


def test_eyes_change_no_other_weight_and_begin_as_if_closed() -> None:
    blind, seeing = network(BLIND), network(SEEING)
    others = {name: p for name, p in seeing.state_dict().items() if not name.startswith("look.")}
    assert list(others) == list(blind.state_dict())
    assert all(torch.equal(p, others[name]) for name, p in blind.state_dict().items())
    assert set(seeing.look) == {"0"}
    layer = ImageAttention(8, 4, LOOKS)
    planes = torch.randn(2, 3, 8, 4, 4, generator=draws())
    assert torch.equal(layer(planes, images(2)), planes)


# against loops


def test_the_grid_lies_in_the_middles_of_the_planes_cells() -> None:
    points = grid_points(4)
    assert points.shape == (64, 3)
    assert place(points)[0].tolist() == pytest.approx([1 / 8] * 3)
    x, y, z = 3, 0, 2
    index = cells(points[None], 4)[0, :, (x * 4 + y) * 4 + z]
    assert index.tolist() == [[x, y, z][u] + 4 * [x, y, z][v] for u, v in AXES]


def test_projection_equals_a_loop() -> None:
    matrices, points = projections(2, 3), grid_points(3)
    found = projected(matrices, points)
    behind = 0
    for item in range(2):
        for view in range(3):
            for number, point in enumerate(points):
                x, y, depth, _ = (matrices[item, view] @ torch.cat([point, torch.ones(1)])).tolist()
                expected = [BESIDE, BESIDE] if depth <= NEAR else [x / depth, y / depth]
                behind += depth <= NEAR
                at = found[item, view, number].tolist()
                assert at == pytest.approx(np.clip(expected, -BESIDE, BESIDE), rel=1e-3, abs=1e-4)
    assert 0 < behind < found.numel() / 2


def looked_up(features: torch.Tensor, x: float, y: float) -> torch.Tensor:
    """(F,) of features (F, T, T) at a place, bilinear between the middles of cells, zeros outside."""
    side, total = features.shape[-1], torch.zeros(features.shape[0], dtype=features.dtype)
    column, row = ((at + 1) / 2 * side - 0.5 for at in (x, y))
    for u in (int(np.floor(column)), int(np.floor(column)) + 1):
        for v in (int(np.floor(row)), int(np.floor(row)) + 1):
            if 0 <= u < side and 0 <= v < side:
                total += features[:, v, u] * (1 - abs(column - u)) * (1 - abs(row - v))
    return total


def test_attention_equals_a_loop_over_the_grid() -> None:
    torch.manual_seed(0)
    side, width, heads = 3, 4, LOOKS.heads
    layer = ImageAttention(width, 2, LOOKS).double()
    nn.init.normal_(layer.leave.conv.weight)
    planes = torch.randn(1, 3, width, side, side, dtype=torch.float64)
    shown = images(1)
    features, at = shown.features.double(), projected(shown.projections, grid_points(side))
    asking = layer.norm(planes)[0]
    answers = torch.zeros(width, side, side, side, dtype=torch.float64)
    for x in range(side):
        for y in range(side):
            for z in range(side):
                query = layer.query(torch.cat([asking[0, :, z, x], asking[1, :, y, x], asking[2, :, z, y]]))
                places = at[0, :, (x * side + y) * side + z]
                seen = torch.stack([looked_up(f, *p.tolist()) for f, p in zip(features[0], places, strict=True)])
                keys, values = layer.lookup(seen).chunk(2, -1)
                found = nn.functional.scaled_dot_product_attention(
                    query.view(heads, 1, -1), keys.view(-1, heads, width // heads).transpose(0, 1),
                    values.view(-1, heads, width // heads).transpose(0, 1),
                )  # fmt: skip
                answers[:, x, y, z] = found.flatten()
    means = [answers.mean(2), answers.mean(3), answers.mean(1)]  # of x and z, x and y, y and z
    expected = planes + layer.leave(torch.stack([mean.transpose(1, 2) for mean in means])[None])
    torch.testing.assert_close(layer(planes, Images(features, shown.projections)), expected, rtol=1e-5, atol=1e-6)


def test_which_view_comes_first_makes_no_difference_and_which_views_there_are_does() -> None:
    seeing, shown = network(SEEING), images(2)
    with torch.no_grad():
        found = seeing(*inputs(), shown)
        turned = seeing(*inputs(), Images(shown.features[:, [2, 0, 1]], shown.projections[:, [2, 0, 1]]))
        torch.testing.assert_close(turned, found, rtol=1e-4, atol=1e-5)
        other = seeing(*inputs(), Images(shown.features.flip(0), shown.projections))
        elsewhere = seeing(*inputs(), Images(shown.features, shown.projections.flip(0)))
    assert float((other - found).abs().max()) > 1e-2
    assert float((elsewhere - found).abs().max()) > 1e-2


def test_gradients_reach_every_weight_and_parts_of_a_batch_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def gradients() -> dict[str, torch.Tensor]:
        seeing, shown = network(SEEING), images(3)
        batch = dict(zip(("latent", "level", "partial", "category"), inputs(3), strict=True))
        batch |= {"features": shown.features.half(), "projections": shown.projections}
        denoising_loss(SEEING, seeing, batch, draws(4)).backward()
        return {name: p.grad for name, p in seeing.named_parameters()}

    whole = gradients()
    eyes = {name for name in whole if name.startswith("look.")}
    assert len(eyes) == 7
    assert all(float(whole[name].abs().max()) > 0 for name in eyes)
    monkeypatch.setattr(image_layers, "MOST", 1)
    for name, gradient in gradients().items():
        torch.testing.assert_close(gradient, whole[name], rtol=1e-3, atol=1e-5)


# what is shown


def object_image(name: str, pixels: np.ndarray) -> ObjectImage:
    return ObjectImage(name, pixels, projections(1, 1)[0, 0].double().numpy())


def coloured(seed: int, side: int = 20) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3)).astype(np.uint8)


def views_of(folder: Path, options: ImageOptions, **held: list[ObjectImage]) -> Views:
    seen = {}
    for name, some in held.items():
        digests = make_features(folder, some, open_backbone(options, "cpu"))
        matrices = np.array([one.projection for one in some]).reshape(-1, 4, 4)
        seen[name] = Seen(tuple(folder / f"{digest}.npz" for digest in digests), matrices)
    return Views(seen, options)


def test_blank_images_no_images_and_points_only_are_the_same(tmp_path: Path) -> None:
    blank = [object_image(str(n), np.zeros((10 + n, 10 + n, 3), np.uint8)) for n in range(2)]
    views = views_of(tmp_path, LOOKS, blank=blank, none=[], seen=[object_image("a", coloured(0))])
    seeing = network(SEEING)
    with torch.no_grad():
        alone = seeing(*inputs())
        assert torch.equal(seeing(*inputs(), views.spaced(["blank", "none"])), alone)
        assert not torch.equal(seeing(*inputs(), views.spaced(["seen", "none"]))[0], alone[0])
    assert ["blank" in views, "none" in views, "unheard" in views] == [True, False, False]


def test_views_are_evenly_spaced_for_scores_and_drawn_in_training(tmp_path: Path) -> None:
    options = LOOKS.model_copy(update={"fewest": 2})
    held = [object_image(str(n), coloured(n)) for n in range(9)]
    views = views_of(tmp_path, options, many=held, two=held[:2], none=[])
    every = [torch.from_numpy(read_features(path, (6, 4, 4))) for path in views.seen["many"].files]
    shown = views.spaced(["many", "two", "none"])
    assert shown.features.shape == (3, 3, 6, 4, 4)
    assert all(torch.equal(shown.features[0, n], every[place]) for n, place in enumerate((0, 4, 8)))
    assert torch.equal(shown.features[1, :2], torch.stack(every[:2]))
    assert not shown.features[1, 2].any()
    assert torch.equal(shown.projections[1, 2], torch.eye(4))

    def count(name: str, options: ImageOptions, seed: int) -> int:
        drawn = Views(views.seen, options).drawn(name, np.eye(4), np.random.default_rng(seed))
        there = drawn["features"].flatten(1).any(1)
        assert len({tuple(one.flatten().tolist()) for one in drawn["features"][there]}) == int(there.sum())
        return int(there.sum())

    assert {count("many", options, seed) for seed in range(20)} == {2, 3}
    assert {count("two", options, seed) for seed in range(20)} == {2}
    assert {count("none", options, seed) for seed in range(3)} == {0}
    dropping = options.model_copy(update={"drop": 0.5})
    dropped = sum(count("many", dropping, seed) == 0 for seed in range(100))
    assert 30 < dropped < 70
    always = options.model_copy(update={"drop": 1.0})
    assert {count("many", always, seed) for seed in range(5)} == {0}


def test_projections_follow_the_pose_of_the_cloud(tmp_path: Path) -> None:
    views = views_of(tmp_path, LOOKS, one=[object_image("a", coloured(0))])
    pose = np.diag([0.8, 1.1, 0.9, 1.0])
    pose[:3, 3] = 0.05, -0.1, 0.02
    shown = views.drawn("one", pose, np.random.default_rng(0))
    points = grid_points(3)
    still = views.spaced(["one"]).projections
    after = projected(shown["projections"][None], torch.from_numpy(moved(points.numpy(), pose)))
    torch.testing.assert_close(after[:, 0], projected(still, points)[:, 0], rtol=1e-3, atol=1e-4)


# features


def test_features_are_kept_by_the_content_of_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backbone, asked = open_backbone(LOOKS, "cpu"), []
    monkeypatch.setattr(
        backbone, "features", lambda some, real=backbone.features: asked.append(len(some)) or real(some)
    )
    same = [object_image("a", coloured(0)), object_image("b", coloured(0)), object_image("c", coloured(1))]
    digests = make_features(tmp_path, same, backbone)
    assert digests[0] == digests[1] != digests[2]
    assert make_features(tmp_path, same[::-1], backbone) == digests[::-1]
    assert asked == [2]
    path = tmp_path / f"{digests[0]}.npz"
    assert read_features(path, (6, 4, 4)).dtype == np.float16
    with pytest.raises(DataError, match=f"{path.name} should hold"):
        read_features(path, (6, 5, 5))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=f"{path.name} is missing or damaged"):
        read_features(path, (6, 4, 4))
    other = open_backbone(LOOKS.model_copy(update={"width": 7}), "cpu")
    assert features_key(other) != features_key(backbone) == features_key(open_backbone(LOOKS, "cpu"))


def test_features_hang_on_their_own_code_alone(edited) -> None:
    backbone = open_backbone(LOOKS, "cpu")
    before = features_key(backbone)
    edited(image_layers, "NEAR = 1e-3", "NEAR = 1e-2")
    assert features_key(backbone) == before
    edited(feature_steps, '"bicubic"', '"bilinear"')
    assert features_key(backbone) != before


WIDTH, DEPTH, PATCH, SIDE = 128, 2, 2, 4  # two heads of 64


def tower() -> dict[str, torch.Tensor]:
    """Weights of a small image tower under timm's names."""
    shapes = {"cls_token": (1, 1, WIDTH), "pos_embed": (1, 1 + SIDE**2, WIDTH)}
    shapes["patch_embed.proj.weight"] = (WIDTH, 3, PATCH, PATCH)
    linear = {"attn.qkv": (384, 128), "attn.proj": (128, 128), "mlp.fc1": (256, 128), "mlp.fc2": (128, 256)}
    norms = ["norm_pre", "norm", *(f"blocks.{n}.norm{m}" for n in range(DEPTH) for m in (1, 2))]
    for name in norms:
        shapes |= {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}
    for number in range(DEPTH):
        for name, shape in linear.items():
            shapes |= {f"blocks.{number}.{name}.weight": shape, f"blocks.{number}.{name}.bias": shape[:1]}
    generator = draws(9)
    return {name: 0.2 * torch.randn(shape, generator=generator) for name, shape in shapes.items()}


def in_open_clip(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The same under OpenCLIP's names, with a text tower beside."""
    found = {"positional_embedding": torch.zeros(3), "logit_scale": torch.zeros(()), "visual.proj": torch.zeros(2, 2)}
    for name, tensor in weights.items():
        block = name.split(".")[1] if name.startswith("blocks.") else ""
        for old, new in OPEN_CLIP:
            start = new.replace(r"\1", block)
            if name.startswith(start) and (block or "blocks" not in new):
                plain_old = old.replace("\\", "").replace("(d+)", block)
                found[plain_old + name.removeprefix(start)] = tensor
                break
    found["visual.class_embedding"] = weights["cls_token"].flatten().clone()
    found["visual.positional_embedding"] = weights["pos_embed"][0].clone()
    return found


def test_the_image_tower_equals_torchs_own_layers(tmp_path: Path) -> None:
    weights = tower()
    path = tmp_path / "model.safetensors"
    save_file({**weights, "head.weight": torch.zeros(2, 2)}, path)
    found = load_vit(path)
    pixels = torch.randn(2, 3, 8, 8, generator=draws())
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 256, 0.0, "gelu", batch_first=True, norm_first=True).eval()
    patches = nn.functional.conv2d(pixels, weights["patch_embed.proj.weight"], stride=PATCH).flatten(2).transpose(1, 2)
    tokens = torch.cat([weights["cls_token"].expand(2, 1, WIDTH), patches], 1) + weights["pos_embed"]
    tokens = nn.functional.layer_norm(tokens, (WIDTH,), weights["norm_pre.weight"], weights["norm_pre.bias"])
    names = {"attn.qkv": "self_attn.in_proj_", "attn.proj": "self_attn.out_proj.", "mlp.fc1": "linear1."}
    names |= {"mlp.fc2": "linear2.", "norm1": "norm1.", "norm2": "norm2."}
    for number in range(DEPTH):
        own = {f"{theirs}{kind}": weights[f"blocks.{number}.{ours}.{kind}"]
               for ours, theirs in names.items() for kind in ("weight", "bias")}  # fmt: skip
        layer.load_state_dict(own)
        tokens = layer(tokens)
    expected = nn.functional.layer_norm(tokens, (WIDTH,), weights["norm.weight"], weights["norm.bias"])
    torch.testing.assert_close(found(pixels), expected, rtol=1e-4, atol=1e-4)
    other = tmp_path / "open_clip_model.safetensors"
    save_file(in_open_clip(weights), other)
    torch.testing.assert_close(load_vit(other)(pixels), found(pixels), rtol=0, atol=0)


def test_a_folder_of_weights_is_a_backbone_without_its_class_token(tmp_path: Path) -> None:
    save_file(tower(), tmp_path / "model.safetensors")
    options = ImageOptions(views=2, backbone=str(tmp_path), tokens=SIDE, width=WIDTH)
    backbone = open_backbone(options, "cpu")
    assert backbone.pixels == 8
    pixels = torch.rand(2, 3, 8, 8, generator=draws())
    mean, std = torch.tensor([0.4815, 0.4578, 0.4082]), torch.tensor([0.2686, 0.2613, 0.2758])
    tokens = load_vit(tmp_path / "model.safetensors")((pixels - mean[:, None, None]) / std[:, None, None])
    found = backbone.features(pixels)
    assert found.shape == (2, WIDTH, SIDE, SIDE)
    torch.testing.assert_close(found[1, :, 2, 3], tokens[1, 1 + 2 * SIDE + 3], rtol=1e-2, atol=1e-2)
    as_file = open_backbone(options.model_copy(update={"backbone": str(tmp_path / "model.safetensors")}), "cpu")
    assert as_file.key == backbone.key
    digest = make_features(tmp_path, [object_image("a", coloured(0, 30))], backbone)[0]
    assert np.isfinite(read_features(tmp_path / f"{digest}.npz", (WIDTH, SIDE, SIDE))).all()
    with pytest.raises(DataError, match=r"gives 4 x 4 tokens of 128, and .* are 16 and 1280"):
        _ = open_backbone(ImageOptions(views=2, backbone=str(tmp_path)), "cpu").pixels


def test_weights_that_are_not_at_hand_are_asked_for_and_never_fetched(tmp_path: Path) -> None:
    for word in (str(tmp_path), "nobody/has-this-one", "no id at all!"):
        with pytest.raises(DataError, match=r"nothing is downloaded.*denoiser\.images\.backbone.*points only"):
            open_backbone(ImageOptions(views=5, backbone=word), "cpu")
    path = tmp_path / "model.safetensors"
    save_file({"some": torch.zeros(2)}, path)
    with pytest.raises(DataError, match=r"model\.safetensors does not hold the image tower"):
        load_vit(path)
    save_file({name: tensor for name, tensor in tower().items() if name != "norm.bias"}, path)
    with pytest.raises(DataError, match=r"image tower of a CLIP.*norm\.bias"):
        load_vit(path)
    path.write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"model\.safetensors is not a readable"):
        load_vit(path)
