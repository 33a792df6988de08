"""model convert: from a checkpoint of the release to depth files, and what cannot be converted, as a user meets it."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from made_pairs import noisy_pair
from release import made_networks, released


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none.ckpt", "out"], 3, "there is no file none.ckpt"),
        (["none.safetensors", "out"], 3, "none.safetensors is missing"),
        (["text.ckpt", "out"], 3, "text.ckpt cannot be read as tensors and plain values"),
        (["none.ckpt", "out", "--method", "sd"], 2, "there is one to ours"),
        (["none.ckpt", "full"], 2, "full is there already and holds something"),
    ],
)
def test_what_cannot_be_converted_is_one_line(cli_here, tmp_path, words, code, said):
    (tmp_path / "text.ckpt").write_text("no weights")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("")
    found, _, err = cli_here("model", "convert", *words)
    assert found == code
    assert said in err
    assert err.count("\n") == 1
    assert not Path(tmp_path / "out").exists()


def test_from_the_release_to_depth_files_on_the_command_line(cli_here, tmp_path):
    networks = made_networks()
    files = [tmp_path / "stage1_main.ckpt", tmp_path / "stage2_main.ckpt"]
    for stage, path in enumerate(files):
        torch.save({"state_dict": released(networks, stage)}, path)
    pairs_of(tmp_path / "wall")
    lists = tmp_path / "train.lst"
    lists.write_text("40753679/0\n40753679/10\n41418162/0\n")
    words = ["model", "convert", files[0], "released", "--stage2", files[1], "--scenes", lists, "--json"]
    code, out, err = cli_here(*words, "--set", "stage.code.side=32", "--set", "stage.diffusion.steps=2")
    told = json.loads(out)
    assert code == 0, err
    assert told["origin"]["trained_scenes"] == ["40753679", "41418162"]
    described = json.loads((tmp_path / "released" / "simulator.json").read_text())
    assert described["options"]["stage"]["code"]["channels"] == "alike"
    assert described["trained_scenes"] == ["40753679", "41418162"]
    simulate = ["simulate", "--checkpoint", "released", "-d", "wall", "--split", "test", "--limit", "2"]
    for name in ("once", "again"):
        code, _, err = cli_here(*simulate, "-o", name, "--seed", "3")
        assert code == 0, err
    made = sorted((tmp_path / "once" / "captured").glob("*.png"))
    assert len(made) == 2
    for path in made:
        assert path.read_bytes() == (tmp_path / "again" / "captured" / path.name).read_bytes()
    code, _, err = cli_here(*simulate, "-o", "other", "--seed", "4")
    assert code == 0, err
    assert made[0].read_bytes() != (tmp_path / "other" / "captured" / made[0].name).read_bytes()
    evaluate = ["evaluate", "-t", "fidelity", "-d", "wall", "-m", "released", "--preset", "smoke", "--no-references"]
    code, out, err = cli_here(*evaluate, "--set", "task.frames=2", "--json")
    assert code == 0, err
    assert [cell["status"] for cell in json.loads(out)["cells"]] == ["done"]


def pairs_of(folder):
    """A pair folder of four frames of 32 x 48 pixels."""
    from s2r_bench.worlds.pair_folder import write_depth

    names = [f"{i:03d}" for i in range(4)]
    for i, name in enumerate(names):
        pair = noisy_pair(i, (32, 48))
        for part, side in (("clean", pair.clean), ("captured", pair.captured)):
            (folder / part).mkdir(parents=True, exist_ok=True)
            write_depth(folder / part / f"{name}.png", side.depth)
    cameras = {
        "K": [[48.0, 0, 23.5], [0, 48.0, 15.5], [0, 0, 1]],
        "width": 48,
        "height": 32,
        "sensor": "test sensor",
        "cam_to_world": {name: np.eye(4).tolist() for name in names},
        "frames": {name: {"scene": f"room{i}", "sequence": "0"} for i, name in enumerate(names)},
        "splits": {"train": names[:1], "val": names[1:2], "test": names[2:]},
    }
    (folder / "cameras.json").write_text(json.dumps(cameras))
