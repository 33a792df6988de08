"""What `verify_pairs` looks at, one idea a file: files, units and sides, splits, cameras."""
