"""Build the native modules; everything else about the package is in setup.cfg."""

from __future__ import annotations

import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

ENGINE = Path("duckgres_tx/engine")

extensions = [
    Extension(
        f"duckgres_tx.engine.{source.stem}",
        [str(source)],
        extra_compile_args=["-O3", "-fno-strict-aliasing", "-Wno-unused-function"],
        libraries=["dl", "pthread"],
    )
    for source in sorted(ENGINE.glob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        nthreads=os.cpu_count() or 1,
        compiler_directives={
            "language_level": 3,
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
        },
    ),
)
