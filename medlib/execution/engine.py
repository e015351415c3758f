"""Run one notebook by papermill in a kernel of the running interpreter."""

import logging
import math
import threading
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import ipykernel.kernelspec
import jupyter_client
import nbformat
import papermill
import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from nbformat.warnings import DuplicateCellId, MissingIDFieldWarning
from papermill.execute import remove_error_markers
from papermill.translators import PythonTranslator, papermill_translators

SAMPLING_SECONDS = 0.2
KERNEL_STARTS = 3
# Of the cell that begins after the notebook's time is over; zero would mean no limit.
SHORTEST_TIMEOUT = 0.001


class CurrentKernelSpecs(KernelSpecManager):
    """Knows one kernel, the running interpreter: a ``python3`` registered elsewhere on the machine must not win."""

    def get_kernel_spec(self, kernel_name):
        """Specification of the running interpreter, whatever the name."""
        # The kernel would log an error where the interruption that comes before its end finds it idle.
        found = ipykernel.kernelspec.get_kernel_dict(extra_arguments=["--log-level=CRITICAL"])
        return KernelSpec(resource_dir=ipykernel.kernelspec.RESOURCES, **found)


class CurrentKernel(jupyter_client.AsyncKernelManager):
    """Kernel manager that starts the running interpreter, its traffic encrypted."""

    transport_encryption = "auto"

    def _kernel_spec_manager_default(self):
        return CurrentKernelSpecs()


class PathText(str):
    """A path on its way through papermill, which keeps the parameters in the notebook's metadata as JSON."""


class TypedTranslator(PythonTranslator):
    """papermill's translator, with the two types that it would turn into something else."""

    @classmethod
    def translate(cls, value):
        """Source of a value."""
        if isinstance(value, PathText):
            return f"Path({str(value)!r})"
        if isinstance(value, tuple):
            return f"tuple({cls.translate(list(value))})"
        return super().translate(value)

    @classmethod
    def codify(cls, parameters, comment="Parameters"):
        """Source of the cell that sets the parameters."""
        source = super().codify(parameters, comment)
        return f"from pathlib import Path\n\n{source}" if "Path(" in source else source


def execute(notebook, destination, parameters, working_folder, limits, seen, progress=False):
    """Run a notebook, saving it after every cell and, within a long one, every 30 s.

    Parameters
    ----------
    notebook : Notebook
    destination : Path
        File that the executed copy is written to.
    parameters : dict of str to object
        Set in a cell after the one tagged ``parameters``.
    working_folder : Path
        Current folder of the kernel.
    limits : Limits
        Seconds for a cell and for the notebook.
    seen : dict
        ``cell`` is set to the number of the code cell that runs, counted from 1.
    progress : bool
        Show a progress bar.

    Raises
    ------
    papermill.PapermillExecutionError
        If a cell fails; the executed copy holds what was reached.
    RuntimeError
        If the kernel dies, or does not start three times in a row.
    TimeoutError
        If a limit is reached.
    """
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    for mended in (DuplicateCellId, MissingIDFieldWarning):
        warnings.simplefilter("ignore", mended)
    papermill_translators.register("python", TypedTranslator)
    deadline = math.inf if limits.notebook is None else time.monotonic() + limits.notebook
    cell_limit = math.inf if limits.cell is None else limits.cell

    def count(cell, cell_index):
        seen["cell"] = (seen["cell"] or 0) + 1

    def seconds_left(cell):
        left = min(cell_limit, deadline - time.monotonic())
        return None if left == math.inf else max(left, SHORTEST_TIMEOUT)

    for start in range(KERNEL_STARTS):
        try:
            papermill.execute_notebook(
                nbformat.from_dict(notebook.content),
                destination,
                parameters={name: _storable(value) for name, value in parameters.items()},
                kernel_name="python3",
                language="python",
                kernel_manager_class=CurrentKernel,
                cwd=working_folder,
                progress_bar=progress,
                on_cell_execute=count,
                timeout_func=seconds_left,
            )
            return
        except papermill.PapermillExecutionError:
            # papermill takes an error that its author allowed, by the tag raises-exception, for a failure.
            executed = remove_error_markers(nbformat.read(destination, as_version=4))
            if executed.metadata.papermill.exception:
                raise
            nbformat.write(executed, destination)
            return
        except RuntimeError:
            # Ports are chosen before the kernel takes them, and another kernel may be faster.
            if seen["cell"] is not None or start == KERNEL_STARTS - 1:
                raise


@contextmanager
def watch():
    """Watch a run: the cell that it is at, and the resident memory of the processes that are started meanwhile.

    Yields
    ------
    dict
        ``cell``, None so far, and ``bytes``: the largest sum of memory seen so far, sampled every 0.2 s.
    """
    process, seen, stop = psutil.Process(), {"cell": None, "bytes": 0}, threading.Event()
    before = set(process.children(recursive=True))

    def sample():
        while not stop.wait(SAMPLING_SECONDS):
            seen["bytes"] = max(seen["bytes"], sum(map(_resident, set(process.children(recursive=True)) - before)))

    watcher = threading.Thread(target=sample, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        stop.set()
        watcher.join()


def _storable(value):
    if isinstance(value, Path):
        return PathText(value)
    if isinstance(value, (list, tuple)):
        return type(value)(map(_storable, value))
    return {key: _storable(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _resident(process):
    try:
        return process.memory_info().rss
    except psutil.Error:  # it ended meanwhile
        return 0
