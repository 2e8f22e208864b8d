"""`python -m rfm_spark` is `rfm-spark`."""

import sys

from rfm_spark.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
