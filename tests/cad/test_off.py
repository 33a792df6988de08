"""OFF headers as they are found, and the same mesh as another reader's."""

import io

import numpy as np
import pytest
import trimesh

from s2r_bench.cad.off import parse_off

BODY = b"0 0 0\n1 0 0\n1 1 0\n0 1 0\n4 0 1 2 3\n3 0 1 2\n"


HEADS = (b"OFF\n4 2 0\n", b"OFF4 2 0\n", b"OFF 4 2 0\n", b"OFF\r\n4 2 0\r\n", b"OFF # made\n4 2\n", b"\nOFF\n\n4 2 9\n")


@pytest.mark.parametrize("head", HEADS)
def test_headers(head):
    vertices, faces = parse_off(head + BODY)
    assert vertices.tolist() == [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 2]]


def test_colours_normals_and_comments_are_passed_over():
    vertices, faces = parse_off(
        b"COFF\n3 1 0\n0 0 0 255 0 0 255\n\n1 0 0 1 1 1 1 # red\n0 1 0 9 9 9 9\n# face\n3 0 1 2 0.1 0.2 0.3\n"
    )
    assert vertices.tolist() == [[0, 0, 0], [1, 0, 0], [0, 1, 0]]
    assert faces.tolist() == [[0, 1, 2]]


def test_the_same_as_trimesh():
    ball = trimesh.creation.icosphere(subdivisions=2)
    data = ball.export(file_type="off").encode()
    vertices, faces = parse_off(data)
    other = trimesh.load(io.BytesIO(data), file_type="off", process=False)
    np.testing.assert_array_equal(vertices, other.vertices)
    np.testing.assert_array_equal(faces, other.faces)
