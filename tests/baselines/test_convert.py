"""Checkpoints of the release: every name goes where it belongs, bit for bit, and the networks answer alike."""

import json

import pytest
import torch
from release import CROSS, Flat, release_forward, released, text_encoder
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

from s2r_baselines._convert.ours import convert
from s2r_baselines._convert.read import read_weights
from s2r_baselines._convert.text import empty_prompt
from s2r_baselines._diffusion.nets import Denoiser, load_part
from s2r_baselines._diffusion.options import NetOptions
from s2r_bench.errors import DataError, UsageError


def test_every_weight_comes_through_bit_for_bit(networks, files, tmp_path):
    (first, second), controls, coder = networks
    told = convert(files, tmp_path / "out")
    base = tmp_path / "out" / "sd21"
    for part, module in (("unet", first), ("vae", coder)):
        loaded = load_part(str(base), part).state_dict()
        wanted = module.state_dict()
        assert loaded.keys() == wanted.keys()
        assert all(torch.equal(loaded[name], wanted[name]) for name in wanted)
    for stage, module in enumerate((first, second), start=1):
        kept = load_file(tmp_path / "out" / f"stage{stage}" / "weights.safetensors")
        network = Denoiser(NetOptions(pretrained=str(base), condition="replace"), 4, 4 * stage)
        moved = {name: p for name, p in network.named_parameters() if p.requires_grad}
        assert kept.keys() == moved.keys()  # what `Stage.load` asks for, no more and no less
        assert all(kept[name].shape == moved[name].shape for name in kept)
        for name, tensor in kept.items():
            source, _, inner = name.partition(".")
            if source != "squeeze":
                original = (module if source == "unet" else controls[stage - 1]).state_dict()
                assert torch.equal(tensor, original[inner])
    assert told == json.loads((tmp_path / "out" / "conversion.json").read_text())


def test_all_names_are_used_or_left_out_with_a_reason(networks, files, tmp_path):
    for stage, report in enumerate(convert(files, tmp_path / "out")["stages"]):
        state = released(networks, stage)
        left = [name for names in report["left_out"].values() for name in names]
        assert sum(report["used"].values()) + len(left) == len(state)
        assert set(left) < set(state)
        assert ("control_model.input_new_blocks.0.weight" in left) == (stage == 0)
        assert "cond_stage_model.model.text_projection" in left
        assert not any(name.startswith(("model.", "first_stage_model.")) for name in left)


def test_the_command_tells_what_went_where(files, tmp_path):
    from s2r_bench.cli.model import _lines

    told = convert(files[:1], tmp_path / "out")
    text = "\n".join(_lines(told, tmp_path / "out"))
    assert f"{files[0]}: {sum(told['stages'][0]['used'].values())} names used" in text
    assert "left out: 2 (joins two conditions, of which stage I has one)" in text
    assert str(tmp_path / "out" / "sd21" / "empty_prompt.safetensors") in text
    assert "note: The release cuts frames to squares" in text


@torch.no_grad()
@pytest.mark.parametrize("stage", [1, 2])
def test_the_converted_network_answers_as_the_release_does(networks, files, tmp_path, stage):
    convert(files, tmp_path / "out")
    network = Denoiser(NetOptions(pretrained=str(tmp_path / "out" / "sd21"), condition="replace"), 4, 4 * stage)
    network.load_state_dict(load_file(tmp_path / "out" / f"stage{stage}" / "weights.safetensors"), strict=False)
    network.eval()
    dice = torch.Generator().manual_seed(0)
    x, condition = torch.randn(2, 4, 8, 8, generator=dice), torch.randn(2, 4 * stage, 8, 8, generator=dice)
    times = torch.tensor([981, 21])
    state = released(networks, stage - 1)
    context = network.context.expand(2, -1, -1)
    assert context.shape == (2, 8, CROSS)  # the empty prompt's embedding was found
    wanted = release_forward(state, x, times, condition, context)
    assert float(wanted.std()) > 0.1
    torch.testing.assert_close(network(x, times, condition), wanted, atol=2e-5, rtol=1e-4)


@torch.no_grad()
def test_the_empty_prompt_is_the_layer_before_the_last():
    flat = Flat()
    text_encoder(flat, "cond_stage_model.model.", width=128)
    w = {name.removeprefix("cond_stage_model.model."): tensor for name, tensor in flat.items()}
    seen = (w["token_embedding.weight"][[10, 11, 0, 0, 0, 0, 0, 0]] + w["positional_embedding"])[None]
    for layer in range(2):
        own = {
            name.partition(f"resblocks.{layer}.")[2]: tensor
            for name, tensor in w.items()
            if f"resblocks.{layer}." in name
        }
        attention = nn.MultiheadAttention(128, 2, batch_first=True)
        attention.load_state_dict(
            {name.removeprefix("attn."): t for name, t in own.items() if name.startswith("attn.")}
        )
        normed = F.layer_norm(seen, (128,), own["ln_1.weight"], own["ln_1.bias"])
        later = torch.full((8, 8), -torch.inf).triu(1)
        seen = seen + attention(normed, normed, normed, attn_mask=later, need_weights=False)[0]
        normed = F.layer_norm(seen, (128,), own["ln_2.weight"], own["ln_2.bias"])
        wide = F.gelu(normed @ own["mlp.c_fc.weight"].T + own["mlp.c_fc.bias"])
        seen = seen + wide @ own["mlp.c_proj.weight"].T + own["mlp.c_proj.bias"]
    wanted = F.layer_norm(seen, (128,), w["ln_final.weight"], w["ln_final.bias"])
    found, taken = empty_prompt(flat)
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    assert not any("resblocks.2." in name for name in taken)
    assert empty_prompt({"betas": torch.zeros(1)}) is None


def test_safetensors_and_a_bare_state_are_read_too(networks, tmp_path):
    state = released(networks, 0)
    save_file({name: tensor.contiguous().clone() for name, tensor in state.items()}, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "b.ckpt")
    torch.save(state, tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    for name in ("a.safetensors", "b.ckpt", "old.ckpt"):
        found = read_weights(tmp_path / name)
        assert found.keys() == state.keys()
        assert all(torch.equal(found[key], state[key]) for key in state)


class Payload:
    """What a file could run if it were let."""

    def __reduce__(self):
        return (print, ("ran",))


def test_a_file_that_holds_more_than_tensors_is_refused_and_runs_nothing(tmp_path, capsys):
    path = tmp_path / "evil.ckpt"
    torch.save({"state_dict": {"a": torch.zeros(1)}, "callbacks": Payload()}, path)
    with pytest.raises(DataError, match="holds objects, whose code would be run"):
        read_weights(path)
    assert "ran" not in capsys.readouterr().out
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        read_weights(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DataError, match="damaged"):
        read_weights(path)
    torch.save({"state_dict": {}}, path)
    with pytest.raises(DataError, match="holds no named tensors"):
        read_weights(path)
    with pytest.raises(DataError, match="there is no file"):
        read_weights(tmp_path / "none.ckpt")


def changed(state, **edits):
    made = dict(state)
    for name, tensor in edits.items():
        name = name.replace("__", ".")
        if tensor is None:
            del made[name]
        else:
            made[name] = tensor
    return made


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (
            {"model__diffusion_model__input_blocks__1__0__in_layers__2__bias": None},
            "lacks down_blocks.0.resnets.0.conv1.bias",
        ),
        ({"control_model__middle_block__1__proj_in__bias": None}, "lacks mid_block.attentions.0.proj_in.bias"),
        ({"first_stage_model__decoder__mid__attn_1__k__bias": None}, "lacks decoder.mid_block.attentions.0.to_k.bias"),
        ({"model__diffusion_model__out__2__bias": torch.zeros(7)}, "conv_out.bias has the shape (7,), expected (4,)"),
        ({"prior__conv__weight": torch.zeros(1)}, "1 names that this conversion does not know: prior.conv.weight"),
        ({"cond_stage_model__model__ln_final__bias": None}, "text encoder is not whole"),
        ({"alphas_cumprod": torch.linspace(1, 0.01, 1000)}, "noise schedule is another one"),
    ],
)
def test_what_does_not_fit_is_named(networks, tmp_path, edit, said):
    torch.save(changed(released(networks, 0), **edit), tmp_path / "x.ckpt")
    with pytest.raises(DataError) as wrong:
        convert([tmp_path / "x.ckpt"], tmp_path / "out")
    assert said in str(wrong.value)
    assert str(tmp_path / "x.ckpt") in str(wrong.value)
    assert not (tmp_path / "out").exists()


def test_stages_with_other_frozen_parts_are_refused(networks, files, tmp_path):
    state = released(networks, 1)
    name = "model.diffusion_model.middle_block.1.norm.weight"
    torch.save(changed(state, **{name.replace(".", "__"): state[name] + 1}), files[1])
    with pytest.raises(DataError, match=r"UNet's encoder is not that of the first checkpoint \(mid_block"):
        convert(files, tmp_path / "out")


def test_a_folder_that_holds_something_is_never_written_to(files, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("")
    with pytest.raises(UsageError, match="holds something"):
        convert(files, tmp_path / "out")
