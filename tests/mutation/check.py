"""Do the tests notice when medlib is wrong? Seed each fault of ``faults.toml`` in a copy, and run the tests there.

``python tests/mutation/check.py [NAME...]`` prints a line for each fault, and exits 1 where fewer than nine in ten are
caught. First come the tests that mirror the faulty file, and the examples in it; for the faults that survive them, all
that `make test` runs, except the test of the table itself.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TREE = ("medlib", "tests", "data", "notebooks", "pyproject.toml", "README.md")
PYTEST = ["-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
WHOLE_SUITE = ([*PYTEST, "--ignore=tests/mutation"], ["-c", "import medlib.cli; medlib.cli.main(['validate'])"])
CAUGHT_SHARE = 0.9
PROCESSES = 2
NO_TESTS = 5  # pytest's exit code where a file has neither tests nor examples
TIMEOUT = 900  # seconds; a fault may make a loop endless


def read_faults():
    """Faults of the table, by name."""
    table = tomllib.loads((Path(__file__).parent / "faults.toml").read_text(encoding="utf-8"))
    return {fault["name"]: fault for fault in table["fault"]}


def first_tests(fault):
    """The tests that the fault names, those that mirror the faulty file, and the examples in it."""
    path = Path(fault["file"])
    mirrored = Path("tests", *path.parts[1:-1], f"test_{path.stem}.py")
    return [*fault.get("tests", []), *([str(mirrored)] if (REPOSITORY / mirrored).is_file() else []), fault["file"]]


def seeded(fault, text):
    """Text of a file with the fault in it."""
    count = text.count(fault["source"])
    if count != 1:
        raise ValueError(f"{fault['name']}: its source is {count} times in {fault['file']}, not once")
    return text.replace(fault["source"], fault["replacement"])


def check(fault, commands):
    """The test that catches a fault, empty where none does, and the seconds that it took."""
    start = time.monotonic()
    with _copy(fault) as folder:
        caught, _ = _run(folder, commands)
    return caught, time.monotonic() - start


def main(names):
    """Check the named faults, or all."""
    faults = read_faults()
    unknown = set(names) - set(faults)
    if unknown:
        sys.exit(f"There are no faults {', '.join(sorted(unknown))}; there are {', '.join(faults)}.")
    chosen = [faults[name] for name in names or faults]
    first = {fault["name"]: [[*PYTEST, *first_tests(fault)]] for fault in chosen}
    _require_that_all_pass([[*PYTEST, *sorted({test for fault in chosen for test in first_tests(fault)})]])
    survivors = _check_all(chosen, first, "survives the tests of its file")
    if survivors:
        _require_that_all_pass(WHOLE_SUITE)
        survivors = _check_all(survivors, dict.fromkeys(first, WHOLE_SUITE), "SURVIVED")
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} faults caught")
    return 0 if len(survivors) <= (1 - CAUGHT_SHARE) * len(chosen) else 1


def _check_all(faults, commands, otherwise):
    """Print where each is caught; the faults that are not."""
    survivors = []
    with ThreadPoolExecutor(PROCESSES) as pool:
        found = pool.map(lambda fault: check(fault, commands[fault["name"]]), faults)
        for fault, (caught, seconds) in zip(faults, found, strict=True):
            print(f"{fault['name']:45} {seconds:4.0f} s  {f'caught by {caught}' if caught else otherwise}", flush=True)
            survivors += [] if caught else [fault]
    return survivors


def _require_that_all_pass(commands):
    with _copy() as folder:
        failed, output = _run(folder, commands)
    if failed:
        sys.exit(f"{output}\nWithout any fault, {failed} fails and would seem to catch all; mend that first.")


@contextmanager
def _copy(fault=None):
    """Folder with a copy of the repository, and a fault in it."""
    with tempfile.TemporaryDirectory(prefix="medlib-mutation-") as name:
        folder = Path(name).resolve()
        for part in TREE:
            if (REPOSITORY / part).is_dir():
                shutil.copytree(REPOSITORY / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(REPOSITORY / part, folder / part)
        if fault:
            path = folder / fault["file"]
            path.write_text(seeded(fault, path.read_text(encoding="utf-8")), encoding="utf-8")
        _require_import_of_the_copy(folder, fault or {"name": "the copy", "file": "medlib/results.py"})
        yield folder


def _require_import_of_the_copy(folder, fault):
    module = ".".join(Path(fault["file"]).with_suffix("").parts).removesuffix(".__init__")
    done = _python(folder, ["-c", f"import {module}, sys; print(sys.modules['{module}'].__file__)"])
    if done.returncode:
        sys.exit(f"{done.stderr}\n{module} cannot be imported with {fault['name']}, which is thus no valid fault.")
    if not Path(done.stdout.strip()).is_relative_to(folder):
        sys.exit(f"{done.stdout.strip()} would be tested, not the copy in {folder}.")


def _run(folder, commands):
    """The test that fails first, empty where all pass, and what was printed."""
    for command in commands:
        try:
            done = _python(folder, command)
        except subprocess.TimeoutExpired:
            return f"no end within {TIMEOUT} s", ""
        if done.returncode not in (0, NO_TESTS):
            failed = re.search(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
            return failed[1] if failed else f"exit code {done.returncode}", done.stdout + done.stderr
    return "", ""


def _python(folder, arguments):
    # One thread each, for two that run side by side.
    environment = os.environ | {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    options = {"cwd": folder, "env": environment, "capture_output": True, "text": True, "timeout": TIMEOUT}
    return subprocess.run([sys.executable, *arguments], check=False, **options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
