"""Which folders are packages; everything else is in pyproject.toml."""

from setuptools import find_namespace_packages, setup

NOT_CODE = ["*__pycache__*"]
CODE = find_namespace_packages(include=["rfm_spark", "rfm_spark.*"], exclude=NOT_CODE)
CONF = [f"rfm_spark.conf.{name}" for name in find_namespace_packages("conf", exclude=NOT_CODE)]

setup(packages=[*CODE, "rfm_spark.conf", *CONF])
