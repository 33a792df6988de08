"""What data there is to work with, as plain text: what it is, under which licence, where from, in which layout."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class DataSet:
    """One data set that this version can read.

    Attributes:
        name: as the command line takes it.
        kind: "world", "sequence" (makes a pair folder), "cad", "objects" (scanned, with a class), "rooms" (with a class
            for every point) or "pairs".
        title: one line.
        licence: of the data, which is never part of this package.
        source: where to get it.
        layout: what must be there after unpacking.
        command: how it is made ready; "" where nothing has to be done.
    """

    name: str
    kind: str
    title: str
    licence: str
    source: str
    layout: str
    command: str

    def about(self) -> dict[str, str]:
        """Its fields by name."""
        return asdict(self)


DATA_SETS = (
    DataSet(
        name="mini",
        kind="world",
        title="procedural furniture and rooms, captured by a virtual active-stereo sensor",
        licence="Apache-2.0, made by this package",
        source="built in; made on first use from a seed",
        layout="nothing to provide",
        command="",
    ),
    DataSet(
        name="kinect",
        kind="world",
        title="real Kinect v1 captures of a room beside the clean surface fused from them (Microsoft 7-Scenes)",
        licence="MSR-LA: non-commercial research only (Shotton et al., CVPR 2013)",
        source="https://www.microsoft.com/en-us/research/project/rgb-d-dataset-7-scenes/ (for example RedKitchen)",
        layout="redkitchen/seq-01/frame-000000.depth.png and .pose.txt; folder, or the zip as downloaded",
        command="s2r-bench data prepare kinect --from PATH/redkitchen",
    ),
    DataSet(
        name="tum",
        kind="sequence",
        title="Kinect sequences with motion-capture poses (TUM RGB-D benchmark)",
        licence="CC BY 4.0 (Sturm et al., IROS 2012)",
        source="https://cvg.cit.tum.de/data/datasets/rgbd-dataset (for example freiburg3_long_office_household)",
        layout="depth/TIME.png, depth.txt, groundtruth.txt; folder, or the .tgz as downloaded",
        command="s2r-bench data prepare tum --from rgbd_dataset_freiburg3_long_office_household.tgz",
    ),
    DataSet(
        name="sweethome3d",
        kind="cad",
        title="820 CAD models of the Sweet Home 3D library, 191 of them in the six furniture categories",
        licence="CC0 1.0, CC BY 3.0 (each model's own is kept)",
        source="Debian and Ubuntu package: apt-get download sweethome3d-furniture",
        layout="sweethome3d-furniture_*.deb, /usr/share/sweethome3d, or *.sh3f files",
        command="s2r-bench data prepare sweethome3d --from sweethome3d-furniture_1.8-1_all.deb",
    ),
    DataSet(
        name="modelnet40",
        kind="cad",
        title="12,311 CAD models of 40 classes, as meshes or as sampled clouds (Wu et al., CVPR 2015)",
        licence="academic use only; the models belong to their makers",
        source="https://modelnet.cs.princeton.edu (ModelNet40.zip)",
        layout="ModelNet40/chair/train/chair_0001.off; clouds: modelnet40_ply_hdf5_2048/ply_data_train0.h5",
        command="",
    ),
    DataSet(
        name="scanobjectnn",
        kind="objects",
        title="2,902 scanned objects of 15 classes, in six variants (Uy et al., ICCV 2019)",
        licence="its own terms of use, to be agreed to in a form",
        source="https://hkust-vgd.github.io/scanobjectnn/ (h5_files.zip)",
        layout="h5_files/main_split/training_objectdataset.h5 and test_objectdataset.h5; docs/data.md",
        command="",
    ),
    DataSet(
        name="s3dis",
        kind="rooms",
        title="272 scanned rooms of six areas, a class of 13 for every point (Armeni et al., CVPR 2016)",
        licence="its own terms of use, to be agreed to in a form",
        source="http://buildingparser.stanford.edu/dataset.html (Stanford3dDataset_v1.2_Aligned_Version.zip)",
        layout="Area_1/hallway_1/Annotations/chair_1.txt; or Pointcept's arrays, or HDF5 blocks; docs/data.md",
        command="s2r-bench evaluate -t segment -d PATH/Stanford3dDataset_v1.2_Aligned_Version",
    ),
    DataSet(
        name="DIR",
        kind="pairs",
        title="your own camera: a folder of clean and captured depth of the same views, with cameras",
        licence="yours",
        source="docs/data.md tells how to make one",
        layout="DIR/cameras.json, DIR/clean/ID.png, DIR/captured/ID.png",
        command="s2r-bench data verify DIR",
    ),
)


def find(name: str) -> DataSet | None:
    """The data set of that name, if there is one."""
    return next((known for known in DATA_SETS if known.name == name), None)
