"""Getting data in: what there is, preparing pair folders, and checking them before anything is computed."""
