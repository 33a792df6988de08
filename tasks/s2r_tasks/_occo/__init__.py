"""OcCo and DGCNN, re-implemented from the published facts (Wang et al., ICCV 2021; Wang et al., TOG 2019)."""
