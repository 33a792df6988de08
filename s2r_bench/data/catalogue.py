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
        name="lasa",
        kind="world",
        title="the paper's pairs: LASA's CADs beside ARKit depth, 46,929 frames of 782 rooms; its objects",
        licence="their own terms: LASA by a form, lasa_depth by links of Stable-Sim2Real (its code is Apache-2.0)",
        source="https://github.com/GAP-LAB-CUHK-SZ/stable-sim2real (lasa_depth, lasa_pose), "
        "https://github.com/GAP-LAB-CUHK-SZ/LASA (raw scenes)",
        layout="lasa_depth/SCENE/FRAME_gt.png, _scan.png, train.lst, val.lst; lasa_pose/SCENE/FRAME.txt; "
        "SCENE/SCENE_bbox.npy and SCENE/instances/OBJECT/; docs/data.md",
        command="s2r-bench data prepare lasa --from PATH",
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
        name="arkitscenes",
        kind="sequence",
        title="ARKit depth beside the fused surface of 5,047 videos of rooms (Baruch et al., NeurIPS 2021)",
        licence="Apple's own licence for ARKitScenes, to be read before downloading: non-commercial",
        source="https://github.com/apple/ARKitScenes (its download script, dataset 3dod)",
        layout="3dod/Training/VIDEO/VIDEO_3dod_mesh.ply, VIDEO_frames/lowres_depth; docs/data.md",
        command="s2r-bench data prepare arkitscenes --from PATH/3dod",
    ),
    DataSet(
        name="bop",
        kind="sequence",
        title="any data set of BOP: depth images with the poses of known CAD models (Hodan et al., ECCV 2018)",
        licence="each data set's own",
        source="https://bop.felk.cvut.cz/datasets/ (a base archive, models, and train or test images of one set)",
        layout="models/obj_000001.ply, test/000001/depth/000000.png, scene_camera.json, scene_gt.json",
        command="s2r-bench data prepare bop --from PATH/ycbv -o ycbv-pairs",
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
        name="shapenet",
        kind="cad",
        title="ShapeNetCore v1 or v2, the synsets of the six categories (Chang et al., 2015)",
        licence="ShapeNet terms of use: non-commercial; an account, or a request on Hugging Face",
        source="https://shapenet.org or https://huggingface.co/datasets/ShapeNet/ShapeNetCore (03001627.zip ...)",
        layout="03001627/MODEL/models/model_normalized.obj (v2), 03001627/MODEL/model.obj (v1); folders or zips",
        command="s2r-bench data prepare shapenet --from PATH/ShapeNetCore.v2",
    ),
    DataSet(
        name="abo",
        kind="cad",
        title="Amazon Berkeley Objects: 7,953 models of products, in metres (Collins et al., CVPR 2022)",
        licence="CC BY 4.0",
        source="https://amazon-berkeley-objects.s3.amazonaws.com/index.html (abo-3dmodels.tar, abo-listings.tar)",
        layout="3dmodels/original/C/ID.glb, 3dmodels/metadata/3dmodels.csv.gz, listings/metadata/listings_0.json.gz",
        command="s2r-bench data prepare abo --from PATH",
    ),
    DataSet(
        name="3d-future",
        kind="cad",
        title="3D-FUTURE: 16,563 furniture models, in metres (Fu et al., IJCV 2021)",
        licence="its own terms: non-commercial research; an account and an agreement",
        source="https://tianchi.aliyun.com/dataset/98063 (3D-FUTURE-model)",
        layout="3D-FUTURE-model/MODEL/raw_model.obj, 3D-FUTURE-model/model_info.json; folders or zips",
        command="s2r-bench data prepare 3d-future --from PATH/3D-FUTURE-model",
    ),
    DataSet(
        name="modelnet40",
        kind="cad",
        title="12,311 CAD models of 40 classes, as meshes or as sampled clouds (Wu et al., CVPR 2015)",
        licence="academic use only; the models belong to their makers",
        source="https://modelnet.cs.princeton.edu (ModelNet40.zip)",
        layout="ModelNet40/chair/train/chair_0001.off; clouds: modelnet40_ply_hdf5_2048/ply_data_train0.h5",
        command="s2r-bench data prepare modelnet40 --from ModelNet40.zip",
    ),
    DataSet(
        name="scanobjectnn",
        kind="objects",
        title="2,902 scanned objects of 15 classes, in six variants (Uy et al., ICCV 2019)",
        licence="its own terms of use, to be agreed to in a form",
        source="https://hkust-vgd.github.io/scanobjectnn/ (h5_files.zip)",
        layout="h5_files/main_split/training_objectdataset.h5 and test_objectdataset.h5; docs/data.md",
        command="s2r-bench data prepare scanobjectnn --from h5_files.zip",
    ),
    DataSet(
        name="s3dis",
        kind="rooms",
        title="272 scanned rooms of six areas, a class of 13 for every point (Armeni et al., CVPR 2016)",
        licence="its own terms of use, to be agreed to in a form",
        source="http://buildingparser.stanford.edu/dataset.html (Stanford3dDataset_v1.2_Aligned_Version.zip)",
        layout="Area_1/hallway_1/Annotations/chair_1.txt; or Pointcept's arrays, or HDF5 blocks; docs/data.md",
        command="s2r-bench data prepare s3dis --from Stanford3dDataset_v1.2_Aligned_Version.zip",
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
