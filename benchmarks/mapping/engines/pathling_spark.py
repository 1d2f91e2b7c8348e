"""Pathling on Spark, in one process with as many cores as asked.

The session is built here because the Python package's own names a library-runtime Maven Central does not have; pruning
of nested schemas is off because reading or writing some views fails with it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.mapping.engines.arrow_form import count, rows

__all__ = ["PACKAGES", "count", "rows", "started"]

PACKAGES = ("pathling", "pyspark", "pyarrow")
_JARS = "au.csiro.pathling:library-runtime:9.4.0,io.delta:delta-spark_2.13:4.0.0"


@contextmanager
def started(view: dict[str, Any], threads: int) -> Iterator[Callable[[str], Any]]:
    """A function from a file to an Arrow table in memory."""
    from pathling import PathlingContext
    from pyspark.sql import SparkSession

    settings = {
        "spark.jars.packages": _JARS,
        "spark.jars.ivy": os.environ["BENCH_IVY"],
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.optimizer.nestedSchemaPruning.enabled": "false",
        "spark.driver.memory": "4g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.session.timeZone": "UTC",
    }
    builder = SparkSession.builder.master(f"local[{threads}]").appName("bench")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    context = PathlingContext.create(session, enable_terminology=False)
    text, type_ = json.dumps(view), view["resource"]

    with tempfile.TemporaryDirectory() as folder:

        def query(file: str) -> Any:
            named = Path(folder) / Path(file).stem / f"{type_}.ndjson"  # Pathling reads a folder of files so named
            if not named.exists():
                named.parent.mkdir()
                named.symlink_to(file)
            return context.read.ndjson(str(named.parent)).view(type_, json=text).toArrow()

        yield query
    session.stop()
