"""Suites: precedence, places of errors, round trip."""

from typing import ClassVar

import pytest

from s2r_bench.config import SuiteConfig, as_yaml, load_suite, rounds_of, suites, template
from s2r_bench.errors import DataError, UsageError
from s2r_bench.options import Options


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch):
    for name in ("WORLD", "TASK", "PRESET", "SEEDS", "DEVICE", "MAX_STEPS"):
        monkeypatch.delenv(f"S2R_{name}", raising=False)


@pytest.fixture
def suite(tmp_path):
    path = tmp_path / "suite.yaml"
    path.write_text("preset: tiny\nseeds: 2\nmethods:\n  no-sim:\n  ours:\n    lr: 0.1\n    net: {width: 3}\n")
    return path


def test_every_built_in_suite_and_the_template_load(tmp_path):
    assert "quickstart" in suites()
    for name in suites():
        assert load_suite(name).methods
    path = tmp_path / "t.yaml"
    path.write_text(template())
    assert load_suite(str(path)).name == "my-suite"


def test_quickstart_is_what_the_readme_says():
    config = load_suite("quickstart")
    assert (config.world.name, config.task.name, config.preset) == ("mini", "fidelity", "tiny")
    assert [method.name for method in config.methods] == ["no-sim", "gaussian-binned", "sd", "ours"]


def test_flag_beats_set_beats_environment_beats_file_beats_default(suite, monkeypatch):
    assert load_suite(str(suite)).device == "auto"
    assert load_suite(str(suite)).preset == "tiny"
    monkeypatch.setenv("S2R_PRESET", "smoke")
    assert load_suite(str(suite)).preset == "smoke"
    assert load_suite(str(suite), sets=["preset=small"]).preset == "small"
    assert load_suite(str(suite), sets=["preset=small"], flags={"preset": "paper"}).preset == "paper"
    assert load_suite(str(suite), flags={"preset": None}).preset == "smoke"


def test_options_go_where_their_names_say(suite):
    config = load_suite(str(suite), sets=["ours.net.width=5", "world.noise=2", "task.frames=7", "seeds=[4, 5]"])
    assert config.methods[1].options == {"lr": 0.1, "net": {"width": 3}, "net.width": 5}
    assert config.world.options == {"noise": 2}
    assert config.task.options == {"frames": 7}
    assert config.seeds == (4, 5)


def test_a_path_with_dots_takes_options_by_its_stem():
    config = load_suite(None, base={"methods": ["./my_sim.py:Mine"]}, sets=["my_sim.noise=1"])
    assert config.methods[0].options == {"noise": 1}


def test_bare_names_belong_to_the_one_method():
    config = load_suite(None, sets=["steps=3", "net.width=4"], only="ours")
    assert config.methods[0].options == {"steps": 3, "net.width": 4}


def test_a_file_s_options_stay_when_methods_are_picked(suite):
    config = load_suite(str(suite), flags={"methods": ["ours", "sd"]})
    assert [(method.name, method.options) for method in config.methods] == [
        ("ours", {"lr": 0.1, "net": {"width": 3}}),
        ("sd", {}),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("methods: [no-sim]\nseed: 3\n", ":2 seed: there is no such field; did you mean 'seeds'?"),
        ("methods: [no-sim]\nworld:\n  name: mini\n  optins: {}\n", ":4 world.optins: there is no such field"),
        ("methods: [no-sim]\n\npreset: huge\n", ":3 preset: should be 'smoke', 'tiny', 'small' or 'paper'"),
        ("methods: [no-sim\n", "is not YAML"),
        ("- no-sim\n", "should be a mapping"),
        ("methods: []\n", ":1 methods:"),
        ("methods: [no-sim]\nseeds: []\n", ":2 seeds:"),
    ],
)
def test_errors_name_file_line_and_field(tmp_path, text, said):
    path = tmp_path / "suite.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as wrong:
        load_suite(str(path))
    assert str(path) in str(wrong.value)
    assert said in str(wrong.value)


def test_a_missing_file_and_a_wrong_name():
    with pytest.raises(DataError, match="config init"):
        load_suite("nosuch.yaml")
    with pytest.raises(UsageError, match="Did you mean 'quickstart'"):
        load_suite("quickstrat")
    with pytest.raises(UsageError, match="neither a field"):
        load_suite("quickstart", sets=["nosuch.lr=1"])


def test_the_resolved_configuration_loads_again(suite, tmp_path):
    config = load_suite(str(suite), sets=["world.noise=2"])
    path = tmp_path / "again.yaml"
    path.write_text(as_yaml(config))
    assert load_suite(str(path)) == config


class Inner(Options):
    width: int = 1
    depth: int = 1


class Outer(Options):
    presets: ClassVar = {"small": {"net": {"width": 8, "depth": 4}}}
    net: Inner = Inner()


def test_a_section_of_options_keeps_the_rest_of_the_preset():
    assert Outer.preset("small", {"net": {"depth": 5}}).net == Inner(width=8, depth=5)
    assert Outer.preset("small", {"net": {"depth": 5}, "net.width": 9}).net == Inner(width=9, depth=5)
    with pytest.raises(UsageError, match=r"net\.height"):
        Outer.preset("small", {"net": {"height": 5}})


def test_an_unknown_option_is_answered_by_those_of_its_level():
    with pytest.raises(UsageError, match=r"^net\.widht: there is no such option; did you mean 'width'\?; there are: "):
        Outer.preset("small", {"net.widht": 5})
    with pytest.raises(UsageError, match=r"^net\.x: there is no such option; there are: width, depth$"):
        Outer.preset("small", {"net": {"x": 5}})
    with pytest.raises(UsageError, match=r"^nett: .*did you mean 'net'\?; there are: net$"):
        Outer.preset("tiny", {"nett.width": 5})
    with pytest.raises(UsageError, match=r"net\.width\.more: net\.width is one value \(8\), and has no options"):
        Outer.preset("small", {"net.width.more": 5})


def test_real_options_name_their_own_levels():
    from s2r_bench.steps.evaluate import open_task
    from s2r_bench.steps.methods import find

    with pytest.raises(UsageError, match=r"stage\.diffusion\.predicton: .*did you mean 'prediction'\?") as wrong:
        find("ours").options("tiny", {"stage.diffusion.predicton": "sample"})
    assert "later_start" not in str(wrong.value)
    with pytest.raises(UsageError, match=r"label_budget\.fraction\.valu: .*did you mean 'value'") as wrong:
        open_task("segment", "smoke", {"label_budget.valu": 0.3})
    assert "per_area" not in str(wrong.value)  # of another kind of budget
    with pytest.raises(UsageError, match=r"shots\.x: shots is one value"):
        open_task("recon", "smoke", {"shots": "1", "shots.x": 2})


def test_the_schema_describes_every_field():
    properties = SuiteConfig.model_json_schema()["properties"]
    assert all("description" in properties[name] for name in SuiteConfig.model_fields)


def test_sd21_is_another_word_for_paper(monkeypatch):
    assert load_suite("quickstart", flags={"preset": "sd21"}).preset == "paper"
    monkeypatch.setenv("S2R_PRESET", "sd21")
    assert load_suite("quickstart").preset == "paper"


READINGS = """
name: two
methods:
  ours: {lr: 0.1, depth: 2}
  sd:
task: {name: fidelity, options: {frames: 3}}
preset: tiny
follow: one
readings:
  one:
    switches: {ours: {depth: 3}, task: {voxel: 1}, world: {seed: 5}}
    sizes: {ours: {lr: 0.3}}
  other:
    switches: {sd: {width: 1}}
"""


@pytest.fixture
def readings(tmp_path):
    path = tmp_path / "readings.yaml"
    path.write_text(READINGS)
    return str(path)


def test_a_reading_stands_above_the_file_and_below_set(readings):
    config = load_suite(readings)
    assert config.methods[0].options == {"lr": 0.1, "depth": 3}
    assert config.task.options == {"frames": 3, "voxel": 1}
    assert config.world.options == {"seed": 5}
    assert load_suite(readings, sets=["ours.depth=9"]).methods[0].options["depth"] == 9
    assert load_suite(readings, flags={"preset": "paper"}).methods[0].options["lr"] == 0.3
    assert load_suite(readings, flags={"world": "kinect"}).world.options == {}
    other = load_suite(readings, flags={"follow": "other"})
    assert (other.methods[0].options, other.methods[1].options) == ({"lr": 0.1, "depth": 2}, {"width": 1})
    assert load_suite(readings, sets=["follow=other"]) == other
    assert [one.name for one in load_suite(readings, flags={"methods": ["sd", "no-sim"]}).methods] == ["sd", "no-sim"]


def test_a_resolved_reading_loads_again_with_what_was_set(readings, tmp_path):
    config = load_suite(readings, sets=["ours.depth=9"])
    path = tmp_path / "again.yaml"
    path.write_text(as_yaml(config))
    assert load_suite(str(path)) == config


def test_readings_that_cannot_be_followed(readings, tmp_path):
    with pytest.raises(UsageError, match=r"no reading 'otter'. Did you mean 'other'\?"):
        load_suite(readings, flags={"follow": "otter"})
    with pytest.raises(UsageError, match="no readings to choose from"):
        load_suite("quickstart", flags={"follow": "code"})
    (tmp_path / "x.yaml").write_text(READINGS.replace("sd: {width", "pix2pix: {width"))
    with pytest.raises(UsageError, match=r"readings\.other\.pix2pix: the suite has no such method"):
        load_suite(str(tmp_path / "x.yaml"), flags={"follow": "other"})


def test_rounds_differ_in_the_task_alone(readings, tmp_path):
    (tmp_path / "r.yaml").write_text(READINGS + "rounds: {few: {frames: 7}, many: {frames: 8}}\n")
    config = load_suite(str(tmp_path / "r.yaml"))
    few, many = rounds_of(config)
    assert (few.name, many.name) == ("two-one-few", "two-one-many")
    assert (few.task.options["frames"], many.task.options["frames"]) == (7, 8)
    assert few.methods == config.methods
    assert rounds_of(config, ["many"]) == [many]
    assert [one.name for one in rounds_of(load_suite("quickstart"))] == ["quickstart"]
    with pytest.raises(UsageError, match="there are: few, many"):
        rounds_of(config, ["none"])
    with pytest.raises(UsageError, match="rounds set it"):
        load_suite(str(tmp_path / "r.yaml"), sets=["task.frames=1"])
    assert len(rounds_of(load_suite(str(tmp_path / "r.yaml"), sets=["rounds={one: {frames: 1}}"]))) == 1


def test_a_suite_extends_another(readings, tmp_path):
    (tmp_path / "e.yaml").write_text(
        f"extends: {readings}\nname: three\nreadings: {{one: {{switches: {{task: {{voxel: 2, grid: 4}}}}}}}}\n"
    )
    config = load_suite(str(tmp_path / "e.yaml"))
    assert (config.name, config.methods[0].options["depth"]) == ("three", 3)
    assert config.task.options == {"frames": 3, "voxel": 2, "grid": 4}
