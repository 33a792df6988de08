"""`python -m s2r_bench` is `s2r-bench`."""

from s2r_bench.cli import main

if __name__ == "__main__":
    main()
