"""ScanObjectNN from the published layout, and each kind of damage by the name of its file."""

import h5py
import numpy as np
import pytest

from s2r_bench.data.scanobjectnn import CLASSES, VARIANTS, read_scanobjectnn
from s2r_bench.errors import DataError, UsageError


def test_both_splits_as_they_are_stored(scan_tree):
    root = scan_tree()
    found = read_scanobjectnn(root, published=False)
    assert found.name == "scanobjectnn/obj_bg"
    assert (len(found.train), len(found.test)) == (45, 30)
    with h5py.File(root / "h5_files/main_split/test_objectdataset.h5") as file:
        np.testing.assert_array_equal(found.test.points, file["data"][()])
        np.testing.assert_array_equal(found.test.objects, file["mask"][()] != -1)
    assert found.test.labels.tolist() == [k % 15 for k in range(30)]
    assert found.train.counts() == dict.fromkeys(CLASSES, 3)
    assert CLASSES.index("bed") == 10
    assert found.train.of_class(10).tolist() == [10, 25, 40]


def test_the_h5_folder_may_be_given_itself(scan_tree):
    root = scan_tree()
    assert len(read_scanobjectnn(root / "h5_files", published=False).test) == 30


def test_every_variant_has_a_file_of_its_own(scan_tree):
    assert len({(one.suffix, one.background) for one in VARIANTS.values()}) == len(VARIANTS)
    root = scan_tree("main_split_nobg", "_augmented25_norot", change=lambda arrays: arrays.pop("mask"))
    found = read_scanobjectnn(root, "pb_t25_nobg", published=False)
    assert found.test.objects is None
    assert found.train.objects is not None
    root = scan_tree("split3", "_augmentedrot_scale75")
    assert read_scanobjectnn(root, "pb_t50_rs", fold="split3", published=False).name == "scanobjectnn/pb_t50_rs/split3"


def test_the_digest_is_of_the_content(scan_tree, h5):
    root = scan_tree()
    before = read_scanobjectnn(root, published=False)
    path = root / "h5_files/main_split/test_objectdataset.h5"
    with h5py.File(path) as file:
        arrays = {name: file[name][()] for name in file}
    with h5py.File(path, "w") as file:  # other packing, other integers, the same content
        file.create_dataset("data", data=arrays["data"], chunks=(1, 32, 3))
        file.create_dataset("label", data=arrays["label"].astype(np.uint8))
        file.create_dataset("mask", data=arrays["mask"])
    assert read_scanobjectnn(root, published=False).digest == before.digest
    arrays["label"][[0, 1]] = arrays["label"][[1, 0]]
    h5(path, **arrays)
    assert read_scanobjectnn(root, published=False).digest != before.digest


def test_published_counts(scan_tree):
    with pytest.raises(DataError, match=r"training_objectdataset\.h5 holds 3 objects, the published file 2309"):
        read_scanobjectnn(scan_tree(counts=(3, 2), points=2048))
    with pytest.raises(DataError, match=r"training_objectdataset\.h5: 'data' is .*expected.* \(N, 2048, 3\)"):
        read_scanobjectnn(scan_tree())


def _put(name, value):
    return lambda arrays: arrays.update({name: value(arrays[name])})


def _with(array, at, value):
    array[at] = value
    return array


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda arrays: arrays.pop("mask"), "no array 'mask'; it holds: data, label"),
        (
            _put("data", lambda data: data[:, :, :2]),
            r"'data' is float32 \(30, 32, 2\), expected .* \(N, P, 3\)",
        ),
        (_put("label", lambda label: label[:, None]), r"'label' is int64 \(30, 1\), expected integer \(N\)"),
        (_put("label", lambda label: label.astype(np.float32)), "'label' is float32"),
        (_put("label", lambda label: _with(label, 4, 15)), "'label' holds 15, expected labels 0 to 14"),
        (_put("label", lambda label: _with(label, 4, -1)), "'label' holds -1"),
        (_put("label", lambda label: label[:29]), "different length"),
        (_put("data", lambda data: _with(data, (7, 3, 1), np.nan)), "row 7 of 'data' is NaN"),
        (_put("mask", lambda mask: mask[:, :31]), r"'mask' is \(30, 31\), expected \(30, 32\)"),
        (lambda arrays: [arrays.update({k: v[:0]}) for k, v in list(arrays.items())], "holds no rows"),
    ],
)
def test_what_is_wrong_within_a_file(scan_tree, change, told):
    root = scan_tree(change=change)
    with pytest.raises(DataError, match=told) as wrong:
        read_scanobjectnn(root, published=False)
    assert "test_objectdataset.h5" in str(wrong.value)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda path: path.unlink(), "is missing .*holds: training_objectdataset"),
        (lambda path: path.write_bytes(b""), "is empty"),
        (lambda path: path.write_bytes(path.read_bytes()[:-2000]), "cannot be read as HDF5: .*download it again"),
        (lambda path: path.write_text("version https://git-lfs.github.com/spec/v1"), "cannot be read as HDF5"),
    ],
)
def test_what_is_wrong_with_a_file(scan_tree, damage, told):
    root = scan_tree()
    path = root / "h5_files/main_split/test_objectdataset.h5"
    damage(path)
    with pytest.raises(DataError, match=told) as wrong:
        read_scanobjectnn(root, published=False)
    assert str(path) in str(wrong.value)


def test_a_group_is_no_array(scan_tree):
    root = scan_tree()
    with h5py.File(root / "h5_files/main_split/test_objectdataset.h5", "a") as file:
        del file["label"]
        file.create_group("label")
    with pytest.raises(DataError, match="'label' is a group"):
        read_scanobjectnn(root, published=False)


def test_names_that_are_none(scan_tree, tmp_path):
    with pytest.raises(UsageError, match=r"no variant 'hardest'.*obj_bg, obj_only"):
        read_scanobjectnn(scan_tree(), "hardest")
    with pytest.raises(DataError, match="no folder main_split_nobg and no h5_files/main_split_nobg"):
        read_scanobjectnn(tmp_path, "obj_only")
