"""Few-shot episodes: as the protocol draws them, saved once, and exchanged in Point-BERT's files."""

import builtins
import io
import json
import logging
import os
import pickle
from itertools import pairwise

import numpy as np
import pytest

from s2r_bench.data.clouds import CloudSet, LabelledClouds
from s2r_bench.errors import DataError, UsageError
from s2r_tasks._occo.data.episode_clouds import gather, read_clouds, write_clouds
from s2r_tasks._occo.data.episode_list import draw_episodes, episodes_for, read_episodes, write_episodes
from s2r_tasks._occo.data.episodes import EpisodeSettings, episode
from s2r_tasks._occo.data.point_bert import find_point_bert, read_point_bert, write_point_bert

NAMES = tuple("abcdefgh")
SMALL = EpisodeSettings(ways=3, shots=4, queries=5)


def made(train=(60,) * 8, test=None, seed=0, points=6):
    rng = np.random.default_rng(seed)
    splits = []
    for split, counts in (("train", train), ("test", test or (25,) * len(train))):
        labels = rng.permutation(np.repeat(np.arange(len(counts)), counts))
        cloud = rng.normal(size=(len(labels), points, 3)).astype(np.float32)
        splits.append(LabelledClouds("made", split, cloud, labels, NAMES[: len(counts)]))
    return CloudSet(*splits)


@pytest.fixture(scope="module")
def data():
    return made()


@pytest.mark.parametrize("source", ["train_rest", "test", "test_all"])
def test_an_episode_is_what_the_protocol_says(data, source):
    settings = EpisodeSettings(query_source=source)
    for run in range(6):
        one = episode(data, 7, run, settings)
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([7, run])))
        assert one.class_ids == tuple(rng.choice(8, 5, replace=False))
        orders = [rng.permutation(np.flatnonzero(data.train.labels == label)) for label in one.class_ids]
        assert one.support == tuple(tuple(order[:10]) for order in orders)
        if source == "train_rest":
            assert one.query == tuple(tuple(order[-20:]) for order in orders)
        assert [len(support) for support in one.support] == [10] * 5
        assert [len(query) for query in one.query] == [25 if source == "test_all" else 20] * 5
        for label, support, query in zip(one.class_ids, one.support, one.query, strict=True):
            asked = data.split(settings.query_split).labels[list(query)]
            assert (data.train.labels[list(support)] == label).all()
            assert (asked == label).all()
            assert len(set(support)) == 10
            assert len(set(query)) == len(query)
            if source == "train_rest":
                assert not set(support) & set(query)
        assert one.shortfall == {}


def test_runs_differ_and_repeat(data):
    drawn = [episode(data, seed, run) for seed in (0, 1) for run in range(5)]
    assert all(one != other for one, other in pairwise(drawn))
    assert drawn[3] == episode(data, 0, 3)
    assert {label for one in drawn for label in one.class_ids} == set(range(8))


def test_where_queries_come_from_does_not_move_the_support(data):
    kinds = [episode(data, 0, 2, EpisodeSettings(query_source=source)) for source in ("train_rest", "test", "test_all")]
    assert kinds[0].support == kinds[1].support == kinds[2].support


def test_fewer_shots_are_a_part_of_more_and_asked_about_the_same_objects(data):
    few, more = (episode(data, 0, 1, EpisodeSettings(shots=shots)) for shots in (5, 20))
    assert few.class_ids == more.class_ids
    assert all(one == other[:5] for one, other in zip(few.support, more.support, strict=True))
    assert few.query == more.query


def test_a_shortfall_is_taken_and_told(caplog):
    """As ScanObjectNN's test split: 18 bags and 17 toilets where 20 are asked for."""
    data = made(train=(60, 65, 70), test=(18, 17, 40))
    with caplog.at_level(logging.WARNING):
        one = episode(data, 0, 0, EpisodeSettings(ways=3, query_source="test"))
    assert one.shortfall == {"a": 2, "b": 3}
    assert sorted(len(query) for query in one.query) == [17, 18, 20]
    assert "run 0: fewer than 20 queries: {" in caplog.text
    assert draw_episodes(data, EpisodeSettings(ways=3, query_source="test"), runs=1).shortfalls() == {0: one.shortfall}
    assert episode(data, 0, 0, EpisodeSettings(ways=3, query_source="test_all")).shortfall == {}
    rest = episode(made(train=(14, 30, 31)), 0, 0, EpisodeSettings(ways=3))
    assert rest.shortfall == {"a": 16}


def test_episodes_that_cannot_be_drawn(data):
    with pytest.raises(DataError, match="class 'a' has 10 objects in train and 0 to ask about"):
        episode(made(train=(10, 30, 30)), 0, 0, EpisodeSettings(ways=3))
    with pytest.raises(DataError, match="class 'a' has 9 objects in train"):
        episode(made(train=(9, 30, 30), test=(20,) * 3), 0, 0, EpisodeSettings(ways=3, query_source="test"))
    for wrong in ({"ways": 9}, {"ways": 1}, {"shots": 0}, {"queries": 0}, {"query_source": "train"}):
        with pytest.raises(UsageError):
            episode(data, 0, 0, EpisodeSettings(**wrong))
    with pytest.raises(UsageError):
        episode(data, -1, 0)


def test_a_saved_list_decides(tmp_path, data):
    path = tmp_path / "episodes.json"
    first = episodes_for(path, data, SMALL, seed=3, runs=2)
    before = path.read_bytes()
    assert episodes_for(path, data, SMALL, seed=3, runs=2) == first  # another arm
    assert path.read_bytes() == before
    assert episodes_for(path, data, SMALL, seed=3, runs=1).episodes == first.episodes[:1]
    more = episodes_for(path, data, SMALL, seed=3, runs=4)
    assert more.episodes[:2] == first.episodes
    assert read_episodes(path, data) == more == draw_episodes(data, SMALL, seed=3, runs=4)
    with pytest.raises(DataError, match="holds episodes of seed 3"):
        episodes_for(path, data, SMALL, seed=4, runs=2)
    with pytest.raises(DataError, match="holds episodes of seed 3"):
        episodes_for(path, data, EpisodeSettings(), seed=3, runs=2)
    with pytest.raises(DataError, match=r"episodes\.json is of made with content .*use the data of the episodes"):
        read_episodes(path, made(seed=1))


def _swap(fields):
    fields["episodes"][1]["query"][0][0] = fields["episodes"][1]["support"][0][0]


def _other_class(fields):
    one = fields["episodes"][1]
    one["query"][0], one["query"][1] = one["query"][1], one["query"][0]


def _set(*keys):
    *path, last, value = keys

    def change(fields):
        for key in path:
            fields = fields[key]
        fields[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_swap, r"run 1: object \d+ is in support and query"),
        (_other_class, r"run 1: object \d+ of train is not of class"),
        (_set("episodes", 1, "support", 0, 0, 10**6), "run 1: the indices of class .* leave the 480 objects of train"),
        (_set("episodes", 1, "support", 0, 0, -1), "run 1: the indices of class"),
        (lambda fields: fields["episodes"][1]["support"][0].pop(), "run 1: class . has 3 supports"),
        (lambda fields: fields["episodes"][1]["class_ids"].pop(), "run 1: it has 2 classes"),
        (lambda fields: fields["episodes"].reverse(), "run 1: it stands at place 0"),
        (lambda fields: fields["episodes"][0].pop("query"), "is no list of episodes: KeyError 'query'"),
        (_set("settings", "query_source", "both"), "is no list of episodes: UsageError"),
        (_set("settings", "colour", 1), "is no list of episodes: TypeError"),
        (_set("schema", 2), "is of schema 2, this version reads 1"),
        (_set("classes", ["a"]), "is of made with content"),
    ],
)
def test_a_list_that_was_changed_is_refused(tmp_path, data, change, told):
    path = write_episodes(tmp_path / "episodes.json", draw_episodes(data, SMALL, runs=2))
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))
    with pytest.raises(DataError, match=told) as wrong:
        read_episodes(path, data)
    assert str(path) in str(wrong.value)


@pytest.fixture
def clouds(data):
    return gather(data, episode(data, 0, 0, SMALL), SMALL)


def same(one, other):
    for side in ("support", "query"):
        for array, like in zip(one.side(side), other.side(side), strict=True):
            np.testing.assert_array_equal(array, like)
            assert array.dtype == like.dtype
    assert one.class_ids == other.class_ids
    return True


def test_the_clouds_of_an_episode(data, clouds):
    one = episode(data, 0, 0, SMALL)
    assert clouds.support.shape == (12, 6, 3)
    assert clouds.query_labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    np.testing.assert_array_equal(clouds.support[4], data.train.points[one.support[1][0]])
    np.testing.assert_array_equal(clouds.query[-1], data.train.points[one.query[2][-1]])


def test_a_cloud_that_a_data_set_holds_twice(data):
    settings = EpisodeSettings(ways=8, query_source="test_all", shots=60)
    twice = made()
    twice.test.points[0] = twice.train.points[3]
    with pytest.raises(DataError, match=r"made, run 0: query cloud \d+ is in the support too"):
        gather(twice, episode(twice, 0, 0, settings), settings)


def test_our_own_file(tmp_path, clouds):
    path = tmp_path / "0.npz"
    write_clouds(path, clouds)
    assert same(read_clouds(path), clouds)
    assert read_clouds(path).source == "made, run 0"
    data = path.read_bytes()
    path.write_bytes(data[:-9])
    with pytest.raises(DataError, match=r"0\.npz is missing, or not the file that 0\.json"):
        read_clouds(path)
    path.write_bytes(data)
    fields = json.loads((tmp_path / "0.json").read_text())
    (tmp_path / "0.json").write_text(json.dumps(fields | {"class_ids": [1, 1, 2]}))
    with pytest.raises(DataError, match=r"0\.npz holds no episode: two local labels are of one class"):
        read_clouds(path)


def items(clouds, side, label=int):
    cloud, labels = clouds.side(side)
    return [(one, int(local), label(clouds.class_ids[local])) for one, local in zip(cloud, labels, strict=True)]


def tree(clouds, label=int):
    return {"train": items(clouds, "support", label), "test": items(clouds, "query", label)}


def test_point_bert_files_of_ours_are_ordinary_pickles(tmp_path, clouds):
    path = write_point_bert(tmp_path / "5way_10shot" / "0.pkl", clouds)
    assert same(read_point_bert(path), clouds)
    found = pickle.loads(path.read_bytes())  # as their readers do
    points, local, label = found["test"][7]
    np.testing.assert_array_equal(points, clouds.query[7])
    points[:, 0:3] = 0  # they write into it
    assert (local, label) == (1, clouds.class_ids[1])
    assert b"_reconstruct" not in path.read_bytes()  # moved between versions of NumPy
    assert find_point_bert(tmp_path, 5, 10, 0) == path
    with pytest.raises(DataError, match=r"holds no 5way_10shot/1\.pkl"):
        find_point_bert(tmp_path, 5, 10, 1)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("label", [int, np.int32, np.int64, lambda value: np.array([value])])
def test_point_bert_files_of_others(tmp_path, clouds, protocol, label):
    path = tmp_path / "0.pkl"
    path.write_bytes(pickle.dumps(tree(clouds, label), protocol))
    assert same(read_point_bert(path), clouds)


def test_point_bert_clouds_with_normals_and_other_orders(tmp_path, clouds):
    wide = {
        key: [(np.asfortranarray(np.tile(cloud, 2)).astype(">f8"), *rest) for cloud, *rest in side]
        for key, side in tree(clouds).items()
    }
    path = tmp_path / "0.pkl"
    path.write_bytes(pickle.dumps(wide))
    found = read_point_bert(path)
    assert found.support.shape == (12, 6, 6)
    np.testing.assert_array_equal(found.support[:, :, :3], clouds.support)


class Runs:
    """Runs something when it is unpickled."""

    def __init__(self, call, *arguments):
        self.call, self.arguments = call, arguments

    def __reduce__(self):
        return self.call, self.arguments


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (lambda out: Runs(os.system, f"touch {out}"), "posix.system|nt.system"),
        (lambda out: Runs(builtins.eval, f"open({str(out)!r}, 'w')"), "(__builtin__|builtins).eval"),
        (lambda out: Runs(np.save, str(out), 1), "numpy.save"),
        (lambda out: Runs(np.fromfile, str(out)), "numpy.fromfile"),
        (lambda out: np.array([{}, 1], dtype=object), "an array of object"),
        (lambda out: np.array(["a"]), "an array of"),
        (lambda out: np.array([(1, 2)], dtype="i4,f4"), "an array of"),
        (lambda out: Runs(bytearray, 10**15), "bytes made of something else"),
        (lambda out: {1, Runs(np.save, str(out), 1)}, "the operation EMPTY_SET|numpy.save|__builtin__.set"),
        (lambda out: LabelledClouds, "s2r_bench.data.clouds.LabelledClouds"),
        (lambda out: os.fspath, "posix.fspath|os.fspath|nt.fspath"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_other_names_in_a_pickle_are_refused_and_nothing_runs(tmp_path, clouds, value, told, protocol):
    out, path = tmp_path / "ran.npy", tmp_path / "0.pkl"
    changed = tree(clouds)
    changed["train"].append((value(out), 0, 0))
    path.write_bytes(pickle.dumps(changed, protocol))
    with pytest.raises(DataError, match=rf"0\.pkl is refused: it holds ({told})"):
        read_point_bert(path)
    assert not out.exists()


class _Referring(pickle.Pickler):
    def persistent_id(self, value):
        return "elsewhere" if value == "x" else None


def test_references_and_damaged_pickles(tmp_path):
    path, stream = tmp_path / "0.pkl", io.BytesIO()
    _Referring(stream).dump({"train": "x"})
    path.write_bytes(stream.getvalue())
    with pytest.raises(DataError, match=r"0\.pkl is refused: it holds a reference to 'elsewhere'"):
        read_point_bert(path)
    for content in (b"", b"no pickle", pickle.dumps([1, 2, 3])[:-3], b"\x80\x04K\x01b."):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"0\.pkl cannot be read as a pickle"):
            read_point_bert(path)
    with pytest.raises(DataError, match=r"1\.pkl is missing"):
        read_point_bert(tmp_path / "1.pkl")


def _item(key, at, place, value):
    def change(content):
        item = list(content[key][at])
        item[place] = value(item[place])
        content[key][at] = tuple(item)

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda content: content.pop("test"), "no dict with the keys 'train' and 'test'"),
        (lambda content: content.update(test=[]), "'test' is no list with items"),
        (lambda content: content.update(train={1: 2}), "'train' is no list with items"),
        (lambda content: content["test"].append((1, 2)), "item 15 of 'test' is no"),
        (_item("train", 2, 0, lambda cloud: cloud.tolist()), "points of item 2 of 'train' are list"),
        (_item("train", 2, 0, lambda cloud: cloud[:, :2]), r"are float32 \(6, 2\)"),
        (_item("train", 2, 0, lambda cloud: cloud.astype(int)), r"are int64 \(6, 3\)"),
        (_item("train", 2, 0, lambda cloud: cloud[:5]), "clouds of 'train' have different shapes"),
        (_item("train", 2, 0, lambda cloud: cloud * np.nan), "support holds NaN"),
        (_item("train", 2, 1, float), "a label of item 2 of 'train' is float"),
        (_item("train", 2, 1, bool), "a label of item 2 of 'train' is bool"),
        (_item("train", 2, 2, lambda label: label + 1), "item 2 of 'train': local label 0 is of class"),
        (_item("test", 2, 1, lambda label: 9), "local labels are|local label 9"),
    ],
)
def test_pickles_that_hold_no_episode(tmp_path, clouds, change, told):
    content = tree(clouds)
    change(content)
    path = tmp_path / "0.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=rf"0\.pkl holds no Point-BERT episode: .*({told})"):
        read_point_bert(path)


def test_a_support_cloud_among_the_queries_is_refused(tmp_path, clouds):
    content = tree(clouds)
    content["test"].append(content["train"][0])
    path = tmp_path / "0.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match="query cloud 15 is in the support too"):
        read_point_bert(path)
