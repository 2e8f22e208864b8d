"""spark-submit entry point of `rfm-spark run`; the same options, the same exit codes."""

import sys

from rfm_spark.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
