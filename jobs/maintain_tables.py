"""spark-submit entry point of `rfm-spark maintain`; the same options, the same exit codes."""

import sys

from rfm_spark.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["maintain", *sys.argv[1:]]))
