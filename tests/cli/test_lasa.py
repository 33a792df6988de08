"""The world `lasa` on the command line: prepared, verified, described and scored; the published split is refused."""

import json

import numpy as np
from lasa_tree import box, write_depth_set, write_raw

EVALUATE = [
    "evaluate",
    "-t",
    "fidelity",
    "-d",
    "lasa",
    "--preset",
    "smoke",
    "--no-references",
    "--set",
    "task.frames=4",
]


def test_from_a_download_to_a_score_and_no_further_with_the_published_split(cli_here, tmp_path, home):
    source = write_depth_set(tmp_path / "dataset")
    code, out, _ = cli_here("data", "verify", "lasa", "--from", source, "--json")
    findings = json.loads(out)["findings"]
    assert code == 0
    assert any("LASA's 219 validation scenes" in finding["message"] for finding in findings)
    code, out, _ = cli_here("data", "prepare", "lasa", "--from", source, "--json")
    assert (code, json.loads(out)["splits"]) == (0, {"train": 12, "val": 6, "test": 12})
    code, out, _ = cli_here("data", "info", "lasa", "--json")
    about = json.loads(out)
    assert (code, about["sensor"]) == (0, "ARKit depth (LASA)")
    assert about["splits"]["test"]["scenes"] == ["41418162", "42444499"]
    assert cli_here("data", "verify", "lasa")[0] == 0

    code, out, _ = cli_here(*EVALUATE, "-m", "gaussian-binned", "--json")
    cells = {cell["arm"]: cell for cell in json.loads(out)["cells"]}
    assert (code, cells["gaussian-binned"]["status"]) == (0, "done")
    published = [*EVALUATE, "--set", "world.split=published", "-m", "no-sim", "-m", "gaussian-binned"]
    code, out, _ = cli_here(*published, "--json")
    cells = {cell["arm"]: cell for cell in json.loads(out)["cells"]}
    assert code == 1
    assert (cells["no-sim"]["status"], cells["gaussian-binned"]["status"]) == ("done", "failed")
    assert "41418162) (LASA's validation scenes are what its reconstruction" in cells["gaussian-binned"]["error"]
    assert len(list((home / "runs" / "train").iterdir())) == 1  # refused before it was fitted
    code, out, _ = cli_here(*published, "--allow-leakage", "--json")
    assert code == 0
    (folder,) = [cell["folder"] for cell in json.loads(out)["cells"] if cell["arm"] == "gaussian-binned"]
    record = json.loads((tmp_path / folder / "result.json").read_text())
    assert record["spec"]["options"]["leakage"] == ["41418162"]


def test_its_objects_are_reconstructed(cli_here, tmp_path):
    cli_here("data", "prepare", "lasa", "--from", write_depth_set(tmp_path / "dataset"))
    code, out, _ = cli_here("data", "prepare", "lasa", "--from", write_raw(tmp_path / "raw"), "--json")
    assert (code, json.loads(out)["categories"]["chair"]) == (0, 5)
    for category, size in (("chair", (0.5, 0.9, 0.6)), ("table", (0.7, 0.7, 1.2))):
        folder = tmp_path / "cads" / category
        folder.mkdir(parents=True)
        for k in range(2):
            mesh = box((0, 0, 0), np.array(size) * (1 + 0.1 * k))
            np.savez(folder / f"{category}{k}.npz", V=mesh.vertices, F=mesh.faces)
    words = ["evaluate", "-t", "recon", "-d", "lasa", "--preset", "smoke", "--set", f"world.cads={tmp_path / 'cads'}"]
    code, out, err = cli_here(*words, "--no-references", "--shots", "1", "-m", "no-sim", "--json")
    cells = {cell["arm"]: cell for cell in json.loads(out)["cells"]}
    assert (code, cells["no-sim"]["status"]) == (0, "done"), err
    scores = cells["no-sim"]["scores"]
    assert {one["category"]: one["samples"] for one in scores if one["metric"] == "iou"} == {"chair": 2, "table": 2}
    assert [one["mean"] for one in scores if one["metric"] == "captured_objects"] == [2]


def test_cads_stand_in_its_rooms(cli_here, plugins, pair_folder, tmp_path, home):
    words = ["simulate", "-m", plugins / "dummy.py", "-d", tmp_path / "cads", "--trained-on", pair_folder]
    words += ["--preset", "smoke", "--voxel", "0.03", "--views", "3", "-o", tmp_path / "out", "--scene", "lasa"]
    (tmp_path / "cads" / "chair").mkdir(parents=True)
    mesh = box((-0.25, 0, -0.25), (0.25, 0.8, 0.25))
    np.savez(tmp_path / "cads" / "chair" / "mine.npz", V=mesh.vertices, F=mesh.faces)
    camera = {"K": [[58.0, 0, 31.5], [0, 58.0, 23.5], [0, 0, 1]], "width": 64, "height": 48}
    (tmp_path / "camera.json").write_text(json.dumps(camera))
    words += ["--intrinsics", tmp_path / "camera.json"]
    code, _, err = cli_here(*words)
    assert code == 3
    assert "holds no prepared objects of LASA" in err
    cli_here("data", "prepare", "lasa", "--from", write_raw(tmp_path / "raw"))
    cli_here("data", "prepare", "lasa", "--from", write_depth_set(tmp_path / "dataset"))
    code, out, err = cli_here(*words, "--json")
    document = json.loads(out)
    assert (code, document["objects"], document["views"]) == (0, 1, 3), err
    facts = json.loads((tmp_path / "out" / "chair" / "chair_mine" / "object.json").read_text())
    assert min(facts["visible_share"]) >= 0.3
