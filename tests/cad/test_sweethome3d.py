"""A small library in the published layout, as .sh3f, unpacked, and within a Debian package."""

import io
import lzma
import tarfile
import zipfile

import numpy as np
import pytest

from s2r_bench.cad import read_models
from s2r_bench.cad.sweethome3d import parse_properties
from s2r_bench.errors import DataError

BOX = """v 0 0 0\nv 2 0 0\nv 2 3 0\nv 0 3 0\nv 0 0 5\nv 2 0 5\nv 2 3 5\nv 0 3 5
f 1 4 3 2\nf 5 6 7 8\nf 1 2 6 5\nf 2 3 7 6\nf 3 4 8 7\nf 4 1 5 8\n"""
CATALOGUE = """# a catalogue
id=Lib#Models
license=Creative Commons Attribution 3.0 United States license \\u00a9 Somebody

id#1=My Lib#oak chair
name#1=Oak chair
category#1=Living room
model#1=/lib/chair/chair.obj
width#1=50.5
depth#1=60
height#1=90
creator#1=Jos\\u00e9

id#2=My Lib#lying
name#2=Fauteuil \\
  couch
category#2=Living room
model#2=/lib/lying/lying.obj
modelRotation#2=1 0 0 0 0 1 0 -1 0
width#2=200
depth#2=300
height#2=50

id#3=My Lib#man
name#3=Sitting on chair
category#3=Characters
model#3=/lib/man/man.obj
width#3=50
depth#3=50
height#3=170

id#4=My Lib#lost
name#4=Table
category#4=Office
model#4=/lib/lost/lost.obj
width#4=50
depth#4=50
height#4=70
"""


def _library() -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", CATALOGUE)
        archive.writestr("PluginFurnitureCatalog_fr.properties", "name#1=Chaise\n")
        for name in ("chair", "lying", "man"):
            archive.writestr(f"lib/{name}/{name}.obj", BOX)
    return data.getvalue()


def _deb() -> bytes:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("./usr/share/sweethome3d/furniture/My.sh3f")
        info.size = len(_library())
        archive.addfile(info, io.BytesIO(_library()))
    members = [("debian-binary", b"2.0\n"), ("control.tar.xz", b"abc"), ("data.tar.xz", lzma.compress(tar.getvalue()))]
    out = b"!<arch>\n"
    for name, body in members:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(body):<10}`\n".encode() + body + b"\n" * (len(body) % 2)
    return out


def _lay(tmp_path, kind):
    if kind == "sh3f":
        (tmp_path / "furniture").mkdir()
        (tmp_path / "furniture" / "My.sh3f").write_bytes(_library())
        return tmp_path
    if kind == "deb":
        path = tmp_path / "sweethome3d-furniture_1.8-1_all.deb"
        path.write_bytes(_deb())
        return path
    zipfile.ZipFile(io.BytesIO(_library())).extractall(tmp_path / "My")
    return tmp_path


@pytest.mark.parametrize("kind", ["sh3f", "deb", "unpacked"])
def test_every_way_to_hold_a_library(tmp_path, kind):
    corpus = read_models(_lay(tmp_path, kind))
    models = {model.id: model for model in corpus.models}
    assert list(models) == ["my-lib_oak-chair", "my-lib_lying", "my-lib_man"]
    assert [model.category for model in corpus.models] == ["chair", "sofa", "other"]
    assert [failure.id for failure in corpus.failures] == ["my-lib_lost"]
    assert "lib/lost/lost.obj" in corpus.failures[0].reason
    chair = models["my-lib_oak-chair"]
    assert (chair.source, chair.licence) == ("José", "CC-BY-3.0-US")
    np.testing.assert_allclose(chair.mesh.bounds, [[-0.2525, 0, -0.3], [0.2525, 0.9, 0.3]])


def test_rotation_comes_before_the_size(tmp_path):
    corpus = read_models(_lay(tmp_path, "sh3f"), categories=["sofa"])
    # file: 2 x 3 x 5, turned by y' = z, z' = -y: 2 x 5 x 3, then 2.0 x 0.5 x 3.0 m
    np.testing.assert_allclose(corpus.models[0].mesh.bounds, [[-1, 0, -1.5], [1, 0.5, 1.5]])
    vertices, faces = corpus.models[0].mesh.vertices, corpus.models[0].mesh.faces
    volume = np.einsum("ij,ij->", vertices[faces[:, 0]], np.cross(vertices[faces[:, 1]], vertices[faces[:, 2]])) / 6
    assert volume == pytest.approx(3.0)


def test_properties():
    text = b"# no\n! no\nkey = a\\u20acb \\\n   c\nlatin=\xe9\n"
    assert parse_properties(text) == {"key": "a\u20acb c", "latin": "\xe9"}


def test_damaged_libraries(tmp_path):
    path = tmp_path / "x.sh3f"
    path.write_bytes(_library()[:400])
    with pytest.raises(DataError, match=r"x\.sh3f is no Sweet Home 3D library"):
        read_models(path)
    deb = tmp_path / "sweethome3d-furniture_1_all.deb"
    deb.write_bytes(_deb()[:-50])
    with pytest.raises(DataError, match="not a whole Debian package"):
        read_models(deb)
