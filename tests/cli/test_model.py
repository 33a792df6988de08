"""model convert: what cannot be converted, as a user meets it."""

from pathlib import Path

import pytest


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
