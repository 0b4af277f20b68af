"""Run a third party's own test suite against this server: ``make suites SUITE=psycopg``.

The suite comes from where its authors publish it (a source distribution, a public repository) or from ``--source``, runs in a
virtual environment of its own, against a server of its own (``--dsn`` names another one), and without the tests that
``tests/suites/<suite>.txt`` lists, each with its reason. Nothing of it is kept in this repository.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import servers
from attrs import frozen
from suites.lists import read_list
from suites.pipeline import run_pipeline

UNLIMITED = {"DUCKGRES_RATE_LIMIT_MAX_FAILED_ATTEMPTS": "0", "DUCKGRES_RATE_LIMIT_MAX_CONNECTIONS_PER_IP": "0"}
# A case that takes longer has failed.
CASE_LIMIT_S = 60


@frozen
class Suite:
    """Where a suite is, and how it is run.

    Attributes:
        origin: A requirement whose source distribution has the tests, or ``URL@tag`` of a repository.
        needs: What is installed to run it.
        tests: Its tests, below the source's root.
        options: For pytest.
        variables: How it is told of the server: variables of the environment, with ``{}`` fields.
    """

    origin: str
    needs: tuple[str, ...]
    tests: str
    options: tuple[str, ...] = ()
    variables: Mapping[str, str] | None = None


_LIBPQ = {
    "PGHOST": "{host}",
    "PGPORT": "{port}",
    "PGUSER": "{user}",
    "PGPASSWORD": "{password}",
    "PGDATABASE": "{dbname}",
}
_PYTEST = ("pytest<9", "pytest-timeout")
SUITES = {
    "psycopg": Suite(
        "https://github.com/psycopg/psycopg@3.3.4",
        (*_PYTEST, "psycopg[binary]==3.3.4", "psycopg_pool==3.3.1", "anyio", "pproxy", "numpy", "shapely", "dnspython"),
        "tests",
        ("-m", "not slow and not crdb", "--ignore=tests/crdb", "--ignore=tests/test_typing.py"),
        {
            "PSYCOPG_TEST_DSN": "host={host} port={port} user={user} password={password} dbname={dbname}",
        },
    ),
    "psycopg2": Suite(
        "psycopg2==2.9.13",
        (*_PYTEST, "psycopg2-binary==2.9.13"),
        "tests",
        # each module has a function of this name, for unittest
        ("-k", "not test_suite"),
        variables={
            "PSYCOPG2_TESTDB": "{dbname}",
            "PSYCOPG2_TESTDB_HOST": "{host}",
            "PSYCOPG2_TESTDB_PORT": "{port}",
            "PSYCOPG2_TESTDB_USER": "{user}",
            "PSYCOPG2_TESTDB_PASSWORD": "{password}",
            "PSYCOPG2_TEST_FAST": "1",
        },
    ),
    "asyncpg": Suite(
        "asyncpg==0.32.0",
        (*_PYTEST, "asyncpg==0.32.0", "distro", "pytest-asyncio"),
        "tests",
        ("-p", "no:asyncio", "--ignore=tests/test__sourcecode.py", "--ignore=tests/test__environment.py"),
        _LIBPQ,
    ),
    "pg8000": Suite(
        "pg8000==1.31.6",
        (*_PYTEST, "pg8000==1.31.6", "pytest-mock", "pytz"),
        "test",
        ("--ignore=test/test_readme.py", "--ignore-glob=*/test_benchmarks.py", "--ignore-glob=*/auth/*"),
        _LIBPQ,
    ),
    "libpq_pipeline": Suite("postgresql-15", (), "src/test/modules/libpq_pipeline", variables=_LIBPQ),
}


def fetch(name: str, suite: Suite, work: Path) -> Path:
    """The source's directory."""
    place = work / f"{name}-source"
    if place.exists():
        return place
    if suite.origin.startswith("https://"):
        url, _, tag = suite.origin.rpartition("@")
        _run("git", "clone", "--quiet", "--depth=1", f"--branch={tag}", url, str(place))
        return place
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", f"--no-binary={name}"]
    _run(*download, f"--dest={work}", suite.origin)
    place.mkdir()
    _run("tar", "xzf", str(next(work.glob(f"{name}-*.tar.gz"))), "--strip-components=1", f"--directory={place}")
    return place


def environment(name: str, suite: Suite, work: Path) -> Path:
    """The interpreter of the suite's virtual environment."""
    place = work / f"{name}-venv"
    python = place / "bin" / "python"
    if not (place / ".made").exists():
        venv.create(place, with_pip=True, clear=True)
        _run(str(python), "-m", "pip", "install", "--quiet", *suite.needs)
        (place / ".made").touch()
    return python


@contextmanager
def target(dsn: str | None) -> Iterator[dict[str, str]]:
    """The parts of the address of the server that is tested: the one of this URL, or one that lives as long as the run."""
    if dsn is not None:
        url = urlsplit(dsn)
        yield {
            "host": url.hostname or "127.0.0.1",
            "port": str(url.port or 5432),
            "user": unquote(url.username or "postgres"),
            "password": unquote(url.password or ""),
            "dbname": url.path.lstrip("/") or "postgres",
        }
        return
    with servers.running_server("--workers=2", env=UNLIMITED) as server:
        yield {**server.parameters, "password": server.password}


def run_pytest(name: str, suite: Suite, source: Path, work: Path, variables: Mapping[str, str], more: list[str]) -> int:
    """Run a suite of pytest's; its report is beside it. The figures go to standard output.

    Returns:
        How many cases have failed.
    """
    # away from the sources, so that the installed package is what is tested
    place = work / f"{name}-run"
    shutil.copytree(source / suite.tests, place / suite.tests, dirs_exist_ok=True)
    report = work / f"{name}.xml"
    left_out = [f"--deselect={test}" for test in read_list(name)]
    command = [
        str(environment(name, suite, work)),
        "-m",
        "pytest",
        "-q",
        "--tb=no",
        "-o",
        "addopts=",
        f"--timeout={CASE_LIMIT_S}",
    ]
    command += [f"--rootdir={place}", f"--junitxml={report}", *suite.options, *left_out, suite.tests, *more]
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("PG", "PYTHON"))}
    with (work / f"{name}.log").open("w", encoding="utf-8") as log:
        subprocess.run(command, cwd=place, env={**clean, **variables}, stdout=log, stderr=log, check=False)
    return summarize(name, report, (work / f"{name}.log").read_text(encoding="utf-8"))


def summarize(name: str, report: Path, log: str) -> int:
    """Print what came of a run; how many cases have failed."""
    cases = list(ET.parse(report).iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    passed = len(cases) - len(failed) - skipped
    for case in failed:
        problem = next(iter(case))
        print(f"{case.get('classname')}::{case.get('name')}  {(problem.get('message') or '').splitlines()[:1]}")
    deselected = re.findall(r"(\d+) deselected", log)
    print(
        f"{name}: {passed} passed, {len(failed)} failed, {deselected[-1] if deselected else 0} deselected, {skipped} skipped: "
        f"{100 * passed / max(1, passed + len(failed)):.1f} %"
    )
    return len(failed)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


def main() -> None:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("suite", choices=SUITES)
    parser.add_argument("--dsn", help="postgresql://user:password@host:port/database of a server that runs")
    parser.add_argument("--source", type=Path, help="a checkout or an unpacked source distribution, used as it is")
    parser.add_argument("--work", type=Path, default=Path("build/suites"), help="where everything is kept between runs")
    options, more = parser.parse_known_args()
    suite, work = SUITES[options.suite], options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    source = options.source.resolve() if options.source else None
    with target(options.dsn) as address:
        variables = {name: value.format(**address) for name, value in (suite.variables or {}).items()}
        if options.suite == "libpq_pipeline":
            failed = run_pipeline(source, work, address, read_list("libpq_pipeline"))
        else:
            source = source or fetch(options.suite, suite, work)
            failed = run_pytest(options.suite, suite, source, work, variables, more)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
