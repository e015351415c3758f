"""Run one notebook by papermill in a kernel of the running interpreter, and render the page of what came out."""

import logging
import threading
from contextlib import contextmanager
from pathlib import Path

import ipykernel.kernelspec
import jupyter_client
import nbconvert
import nbformat
import papermill
import psutil
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from papermill.translators import PythonTranslator, papermill_translators

SAMPLING_SECONDS = 0.2


class CurrentKernelSpecs(KernelSpecManager):
    """Knows one kernel, the running interpreter: a ``python3`` registered elsewhere on the machine must not win."""

    def get_kernel_spec(self, kernel_name):
        """Specification of the running interpreter, whatever the name."""
        return KernelSpec(resource_dir=ipykernel.kernelspec.RESOURCES, **ipykernel.kernelspec.get_kernel_dict())


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


def execute(source, destination, parameters, working_folder, progress=False):
    """Run a notebook, saving it after every cell.

    Parameters
    ----------
    source, destination : Path
        The notebook, and the file that its executed copy is written to.
    parameters : dict of str to object
        Set in a cell after the one tagged ``parameters``.
    working_folder : Path
        Current folder of the kernel.
    progress : bool
        Show a progress bar.

    Raises
    ------
    papermill.PapermillExecutionError
        If a cell fails; the executed copy holds what was reached.
    """
    logging.getLogger("papermill").setLevel(logging.ERROR)
    papermill_translators.register("python", TypedTranslator)
    papermill.execute_notebook(
        nbformat.read(source, as_version=4),
        destination,
        parameters={name: _storable(value) for name, value in parameters.items()},
        kernel_name="python3",
        language="python",
        kernel_manager_class=CurrentKernel,
        cwd=working_folder,
        progress_bar=progress,
    )


@contextmanager
def peak_memory():
    """Watch the resident memory of the processes started meanwhile, and of those that they start.

    Yields
    ------
    dict
        ``bytes``: the largest sum seen so far, sampled every 0.2 s.
    """
    process, peak, stop = psutil.Process(), {"bytes": 0}, threading.Event()
    before = set(process.children(recursive=True))

    def watch():
        while not stop.wait(SAMPLING_SECONDS):
            peak["bytes"] = max(peak["bytes"], sum(map(_resident, set(process.children(recursive=True)) - before)))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()


def page(notebook, title):
    """HTML of a notebook.

    Parameters
    ----------
    notebook : Path
    title : str

    Returns
    -------
    str
        One page; images carry their alternative text, and scripts in outputs are taken out.
    """
    # Of nbconvert's templates, `lab` drops the alternative text and `classic` keeps it.
    exporter = nbconvert.HTMLExporter(template_name="classic", sanitize_html=True)
    html, _ = exporter.from_notebook_node(nbformat.read(notebook, as_version=4), {"metadata": {"name": title}})
    return html


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
