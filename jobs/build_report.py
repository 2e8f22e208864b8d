"""spark-submit entry point of `rfm-spark report`; the same options, the same exit codes."""

import sys

from rfm_spark.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["report", *sys.argv[1:]]))
