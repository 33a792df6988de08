"""Networks of the release's kind at a small size, under the names that the release saves them by, and their forward."""

import re

import torch
from torch import nn
from torch.nn import functional as F

WIDTHS, CROSS, LAYERS = (64, 128), 64, 1
HEADS = (1, 2)
RESIDUAL = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}


def unet(seed):
    from diffusers import UNet2DConditionModel

    torch.manual_seed(seed)
    return UNet2DConditionModel(
        in_channels=4,
        out_channels=4,
        block_out_channels=WIDTHS,
        layers_per_block=LAYERS,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=CROSS,
        attention_head_dim=HEADS,
        norm_num_groups=32,
        use_linear_projection=True,
    )


def vae(seed):
    from diffusers import AutoencoderKL

    torch.manual_seed(seed)
    return AutoencoderKL(
        block_out_channels=(32, 64),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=32,
        scaling_factor=0.18215,
    )


# the names of ldm, written from its construction: one flat list of blocks, filled level by level


class Flat(dict):
    """Weights by ldm's names; `put` takes all of a module."""

    def put(self, name, module, names=None):
        for inner, tensor in module.state_dict().items():
            stem, _, kind = inner.rpartition(".")
            renamed = names.get(stem, stem) if names else stem
            self[".".join(part for part in (name, renamed, kind) if part)] = tensor.clone()

    def residual(self, name, module):
        self.put(name, module, RESIDUAL)


def half(model, flat, prefix):
    """The encoder half, which a UNet and a control encoder both have."""
    flat.put(f"{prefix}time_embed.0", model.time_embedding.linear_1)
    flat.put(f"{prefix}time_embed.2", model.time_embedding.linear_2)
    flat.put(f"{prefix}input_blocks.0.0", model.conv_in)
    number = 1
    for block in model.down_blocks:
        attentions = getattr(block, "attentions", [None] * len(block.resnets))
        for residual, attention in zip(block.resnets, attentions, strict=True):
            flat.residual(f"{prefix}input_blocks.{number}.0", residual)
            if attention is not None:
                flat.put(f"{prefix}input_blocks.{number}.1", attention)
            number += 1
        if block.downsamplers is not None:
            flat.put(f"{prefix}input_blocks.{number}.0.op", block.downsamplers[0].conv)
            number += 1
    flat.residual(f"{prefix}middle_block.0", model.mid_block.resnets[0])
    flat.put(f"{prefix}middle_block.1", model.mid_block.attentions[0])
    flat.residual(f"{prefix}middle_block.2", model.mid_block.resnets[1])


def other_half(model, flat, prefix):
    number = 0
    for block in model.up_blocks:
        attentions = getattr(block, "attentions", [None] * len(block.resnets))
        for place, (residual, attention) in enumerate(zip(block.resnets, attentions, strict=True)):
            flat.residual(f"{prefix}output_blocks.{number}.0", residual)
            if attention is not None:
                flat.put(f"{prefix}output_blocks.{number}.1", attention)
            if block.upsamplers is not None and place == len(block.resnets) - 1:
                after = 1 if attention is None else 2
                flat.put(f"{prefix}output_blocks.{number}.{after}.conv", block.upsamplers[0].conv)
            number += 1
    flat.put(f"{prefix}out.0", model.conv_norm_out)
    flat.put(f"{prefix}out.2", model.conv_out)


def autoencoder(model, flat, prefix):
    shortcut = {"conv_shortcut": "nin_shortcut"}
    for side, part in (("encoder", model.encoder), ("decoder", model.decoder)):
        stem = f"{prefix}{side}."
        for name in ("conv_in", "conv_out"):
            flat.put(stem + name, getattr(part, name))
        flat.put(f"{stem}norm_out", part.conv_norm_out)
        flat.put(f"{stem}mid.block_1", part.mid_block.resnets[0], shortcut)
        flat.put(f"{stem}mid.block_2", part.mid_block.resnets[1], shortcut)
        attention = part.mid_block.attentions[0]
        flat.put(f"{stem}mid.attn_1.norm", attention.group_norm)
        for old, new in (("q", "to_q"), ("k", "to_k"), ("v", "to_v")):
            flat.put(f"{stem}mid.attn_1.{old}", getattr(attention, new))
        flat.put(f"{stem}mid.attn_1.proj_out", attention.to_out[0])
        for name in ("q", "k", "v", "proj_out"):  # convolutions of one pixel there
            flat[f"{stem}mid.attn_1.{name}.weight"] = flat[f"{stem}mid.attn_1.{name}.weight"][:, :, None, None]
        blocks = part.down_blocks if side == "encoder" else part.up_blocks
        for number, block in enumerate(blocks):
            level = f"{stem}{'down' if side == 'encoder' else 'up'}."
            level += str(number if side == "encoder" else len(blocks) - 1 - number)
            for place, residual in enumerate(block.resnets):
                flat.put(f"{level}.block.{place}", residual, shortcut)
            sampler = block.downsamplers if side == "encoder" else block.upsamplers
            if sampler is not None:
                flat.put(f"{level}.{'downsample' if side == 'encoder' else 'upsample'}.conv", sampler[0].conv)
    flat.put(f"{prefix}quant_conv", model.quant_conv)
    flat.put(f"{prefix}post_quant_conv", model.post_quant_conv)


def text_encoder(flat, prefix, width=128, words=12, places=8, layers=3):
    torch.manual_seed(5)
    for name, shape in {
        "token_embedding.weight": (words, width),
        "positional_embedding": (places, width),
        "text_projection": (width, width),
        "ln_final.weight": (width,),
        "ln_final.bias": (width,),
        "logit_scale": (),
    }.items():
        flat[prefix + name] = torch.randn(shape)
    for layer in range(layers):
        for name, shape in {
            "ln_1.weight": (width,),
            "ln_1.bias": (width,),
            "attn.in_proj_weight": (3 * width, width),
            "attn.in_proj_bias": (3 * width,),
            "attn.out_proj.weight": (width, width),
            "attn.out_proj.bias": (width,),
            "ln_2.weight": (width,),
            "ln_2.bias": (width,),
            "mlp.c_fc.weight": (4 * width, width),
            "mlp.c_fc.bias": (4 * width,),
            "mlp.c_proj.weight": (width, 4 * width),
            "mlp.c_proj.bias": (width,),
        }.items():
            flat[f"{prefix}transformer.resblocks.{layer}.{name}"] = torch.randn(shape) / width**0.5


def made_networks():
    """UNets of both stages, alike but for what is trained, control encoders, and an autoencoder."""
    from diffusers import ControlNetModel

    first, second, coder = unet(0), unet(1), vae(2)
    kept = first.state_dict()
    second.load_state_dict(
        {
            name: tensor if name.startswith(("up_blocks.", "conv_norm_out.", "conv_out.")) else kept[name]
            for name, tensor in second.state_dict().items()
        }
    )
    controls = []
    for seed in (3, 4):
        torch.manual_seed(seed)
        controls.append(ControlNetModel.from_unet(unet(seed)))
    return (first, second), controls, coder


def released(networks, stage):
    """A state as the release saves it: what is used, and what lies beside it."""
    unets, controls, coder = networks
    flat = Flat()
    half(unets[stage], flat, "model.diffusion_model.")
    other_half(unets[stage], flat, "model.diffusion_model.")
    half(controls[stage], flat, "control_model.")
    autoencoder(coder, flat, "first_stage_model.")
    text_encoder(flat, "cond_stage_model.model.", width=CROSS)
    torch.manual_seed(10 + stage)
    flat.put("control_model.input_new_blocks.0", nn.Conv2d(8, 4, 3))
    flat.put("control_model.zero_convs.0.0", nn.Conv2d(64, 64, 1))
    flat.put("control_model.middle_block_out.0", nn.Conv2d(128, 128, 1))
    flat.put("control_model.input_hint_block.0", nn.Conv2d(3, 16, 3))
    betas = torch.linspace(0.00085**0.5, 0.0120**0.5, 1000, dtype=torch.float64) ** 2
    flat["betas"] = betas.float()
    flat["alphas_cumprod"] = torch.cumprod(1 - betas, 0).float()
    flat["sqrt_recipm1_alphas_cumprod"] = flat["posterior_mean_coef2"] = flat["logvar"] = torch.zeros(1000)
    return dict(flat)


# ldm's own forward, from its names


class Ldm:
    """Functions of ldm's weights, as its classes compute them."""

    def __init__(self, weights, prefix):
        self.w = {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}

    def both(self, name):
        return self.w[f"{name}.weight"], self.w[f"{name}.bias"]

    def conv(self, x, name, **how):
        weight, bias = self.both(name)
        return F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2, **how)

    def linear(self, x, name):
        return F.linear(x, self.w[f"{name}.weight"], self.w.get(f"{name}.bias"))

    def norm(self, x, name, eps=1e-5):
        return F.group_norm(x, 32, *self.both(name), eps=eps)

    def residual(self, x, name, emb):
        h = self.conv(F.silu(self.norm(x, f"{name}.in_layers.0")), f"{name}.in_layers.2")
        h = h + self.linear(F.silu(emb), f"{name}.emb_layers.1")[:, :, None, None]
        h = self.conv(F.silu(self.norm(h, f"{name}.out_layers.0")), f"{name}.out_layers.3")
        return h + (self.conv(x, f"{name}.skip_connection") if f"{name}.skip_connection.weight" in self.w else x)

    def attention(self, x, context, name):
        q, k, v = (
            self.linear(x, f"{name}.to_q"),
            self.linear(context, f"{name}.to_k"),
            self.linear(context, f"{name}.to_v"),
        )
        heads = [torch.stack(part.split(64, -1), 1) for part in (q, k, v)]
        scores = torch.softmax(heads[0] @ heads[1].transpose(-1, -2) / 8, -1) @ heads[2]
        return self.linear(torch.cat(scores.unbind(1), -1), f"{name}.to_out.0")

    def transformer(self, x, name, context):
        h = self.norm(x, f"{name}.norm", eps=1e-6)
        h = self.linear(h.flatten(2).transpose(1, 2), f"{name}.proj_in")
        block = f"{name}.transformer_blocks.0"
        seen = F.layer_norm(h, h.shape[-1:], *self.both(f"{block}.norm1"))
        h = h + self.attention(seen, seen, f"{block}.attn1")
        h = h + self.attention(F.layer_norm(h, h.shape[-1:], *self.both(f"{block}.norm2")), context, f"{block}.attn2")
        value, gate = self.linear(
            F.layer_norm(h, h.shape[-1:], *self.both(f"{block}.norm3")), f"{block}.ff.net.0.proj"
        ).chunk(2, -1)
        h = h + self.linear(value * F.gelu(gate), f"{block}.ff.net.2")
        return x + self.linear(h, f"{name}.proj_out").transpose(1, 2).view_as(x)

    def block(self, x, name, emb, context):
        """All modules of a flat block, each told by its weights."""
        for place in range(3):
            module = f"{name}.{place}"
            if f"{module}.in_layers.2.weight" in self.w:
                x = self.residual(x, module, emb)
            elif f"{module}.proj_in.weight" in self.w:
                x = self.transformer(x, module, context)
            elif f"{module}.op.weight" in self.w:
                x = self.conv(x, f"{module}.op", stride=2)
            elif f"{module}.conv.weight" in self.w:
                x = self.conv(F.interpolate(x, scale_factor=2, mode="nearest"), f"{module}.conv")
            elif f"{module}.weight" in self.w:
                x = self.conv(x, module)
        return x

    def embedded(self, times):
        rates = torch.exp(-torch.log(torch.tensor(10000.0)) * torch.arange(32) / 32)
        angles = times[:, None].float() * rates[None]
        emb = torch.cat([angles.cos(), angles.sin()], -1)
        return self.linear(F.silu(self.linear(emb, "time_embed.0")), "time_embed.2")

    def count(self, blocks):
        return 1 + max(int(re.match(rf"{blocks}\.(\d+)", name)[1]) for name in self.w if name.startswith(f"{blocks}."))

    def encoded(self, x, times, context):
        emb, outs = self.embedded(times), []
        for number in range(self.count("input_blocks")):
            x = self.block(x, f"input_blocks.{number}", emb, context)
            outs.append(x)
        return [*outs, self.block(x, "middle_block", emb, context)]


def release_forward(state, x, times, condition, context):
    net, control = Ldm(state, "model.diffusion_model."), Ldm(state, "control_model.")
    if condition.shape[1] == 8:
        condition = F.silu(control.conv(condition, "input_new_blocks.0"))
    added, own = control.encoded(condition, times, context), net.encoded(x, times, context)
    h, emb = own.pop() + added.pop(), net.embedded(times)
    for number in range(net.count("output_blocks")):
        h = net.block(torch.cat([h, own.pop() + added.pop()], 1), f"output_blocks.{number}", emb, context)
    return net.conv(F.silu(net.norm(h, "out.0")), "out.2")
