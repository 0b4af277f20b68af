"""PostgreSQL's own tests of pipeline mode, ``libpq_pipeline``: a program for each scenario, and the trace of its messages.

It is built from Debian's source package of PostgreSQL 15, or from a source tree that is given.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

MODULE = "src/test/modules/libpq_pipeline"


def run_pipeline(source: Path | None, work: Path, address: Mapping[str, str], left_out: Mapping[str, str]) -> int:
    """Run the scenarios, two cases each where there is a trace: its exit status, and the trace.

    Returns:
        How many cases have failed.
    """
    source = build(source or download(work))
    program, library = source / MODULE / "libpq_pipeline", source / "src/interfaces/libpq"
    env = {"LD_LIBRARY_PATH": str(library)}
    conninfo = " ".join(f"{name}={address[name]}" for name in ("host", "port", "user", "password", "dbname"))
    names = subprocess.run([program, "tests"], env=env, capture_output=True, text=True, check=True).stdout.split()
    passed, failed, deselected = 0, 0, 0
    for name in names:
        if name in left_out:
            deselected += 1
            continue
        trace, expected = work / f"{name}.trace", source / MODULE / "traces" / f"{name}.trace"
        command = [program, "-t", trace, "-r", "10000", name, f"{conninfo} sslmode=disable"]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=120)
        results = {name: done.returncode == 0}
        if expected.exists():
            results[f"{name} (trace)"] = trace.exists() and trace.read_bytes() == expected.read_bytes()
        for case, good in results.items():
            passed += good
            failed += not good
            if not good:
                print(f"{case}  {done.stderr.strip().splitlines()[-1:]}")
    print(
        f"libpq_pipeline: {passed} passed, {failed} failed, {deselected} deselected: {100 * passed / (passed + failed):.1f} %"
    )
    return failed


def build(source: Path) -> Path:
    """Make the program, if that wasn't done."""
    if not (source / MODULE / "libpq_pipeline").exists():
        configure = ["./configure", "--without-readline", "--without-zlib", "--without-icu"]
        for command in (
            configure,
            ["make", "-s", "-C", "src/interfaces/libpq"],
            ["make", "-s", "-C", MODULE],
        ):
            subprocess.run(command, cwd=source, check=True, stdout=subprocess.DEVNULL)
    return source


def download(work: Path) -> Path:
    """The source package, by the machine's own sources of packages, whose source half is switched on for this once."""
    place = work / "postgresql-source"
    if not place.exists():
        lists = work / "apt"
        (lists / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        sources = Path("/etc/apt/sources.list.d/debian.sources").read_text(encoding="utf-8")
        (lists / "src.sources").write_text(sources.replace("Types: deb\n", "Types: deb-src\n"), encoding="utf-8")
        options = [
            f"-oDir::Etc::sourcelist={lists / 'src.sources'}",
            "-oDir::Etc::sourceparts=/dev/null",
            f"-oDir::State::lists={lists / 'lists'}",
        ]
        subprocess.run(["apt-get", *options, "update", "-qq"], check=True)
        _download_some_version(options, work)
        place.mkdir()
        archive = next(work.glob("postgresql-15_*.orig.tar.*"))
        subprocess.run(["tar", "xf", archive, "--strip-components=1", f"--directory={place}"], check=True)
    return place


def _download_some_version(options: Sequence[str], work: Path) -> None:
    """The newest that is served: mirrors may list versions before they have them, or after they have dropped them."""
    told = subprocess.run(
        ["apt-cache", *options, "showsrc", "postgresql-15"], capture_output=True, text=True, check=True
    ).stdout
    # as it tells them: the newest first
    versions = list(dict.fromkeys(re.findall(r"^Version: (\S+)$", told, re.MULTILINE)))
    for version in versions:
        command = ["apt-get", *options, "source", "--download-only", "-qq", f"postgresql-15={version}"]
        if subprocess.run(command, check=False, cwd=work).returncode == 0:
            return
    raise SystemExit(
        f"no source package of PostgreSQL 15 is served, of {', '.join(versions) or 'none that are listed'}"
    )
