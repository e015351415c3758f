"""Make many runs: one after another, in local processes, or on a Dask cluster, by one and the same function."""

import logging
import os
import threading
from contextlib import contextmanager

from medlib.errors import MedlibError, UsageError
from medlib.execution import record, runs, task

SECONDS_TO_CONNECT = 10
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
# papermill changes the folder of its process, so that a process makes one run at a time.
ONE_AT_A_TIME = threading.Lock()


def execute(tasks, out, *, jobs=1, scheduler=None, force=False, limits=task.NO_LIMITS, progress=False):
    """Make the runs of tasks, or find those that were made before.

    Parameters
    ----------
    tasks : list of Task
        Of two that are the same, one is made.
    out : Path
        Folder of all runs; on a cluster, one that all its machines share.
    jobs : int
        Processes; with one, the runs are made in this process.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://127.0.0.1:8786``, or ``slurm`` for as many SLURM jobs as ``jobs``.
    force : bool
        Make them even if finished runs are there.
    limits : Limits
        Of each run.
    progress : bool
        Show the progress of single runs, where they are made in this process.

    Yields
    ------
    task : Task
    made : runs.Run or MedlibError
        As they are finished, those that were found first; the error says why there is no run.

    Raises
    ------
    UsageError
        If there is no such scheduler.
    """
    todo = {}
    surroundings = {}
    for planned in tasks:
        path = planned.notebook.path
        surroundings[path] = surroundings.get(path) or planned.surroundings()
        todo.setdefault(planned.place(out, surroundings[path]), planned)
    if not force:
        for folder in [folder for folder in todo if folder.is_dir()]:
            yield todo.pop(folder), runs.load(folder)
    if todo and jobs == 1 and scheduler is None:
        for planned in todo.values():
            yield planned, task.run(planned, out, force=force, progress=progress, limits=limits)
    elif todo:
        yield from _distributed(todo, out, min(jobs, len(todo)), scheduler, force, limits)


def make(planned, out, force, limits):
    """Make one run in a process of a cluster.

    Returns
    -------
    Path
        Its folder.
    """
    with ONE_AT_A_TIME:
        return task.run(planned, out, force=force, limits=limits).folder


def _distributed(todo, out, jobs, scheduler, force, limits):
    import distributed

    with _client(jobs, scheduler) as client:
        if not client.scheduler_info()["workers"]:
            logging.getLogger(__name__).warning("%s has no workers yet; waiting for one", client.scheduler.address)
        futures = {
            client.submit(make, planned, out.resolve(), force, limits, pure=False): (folder, planned)
            for folder, planned in todo.items()
        }
        for future in distributed.as_completed(futures):
            folder, planned = futures[future]
            yield planned, _outcome(future, folder)


def _outcome(future, folder):
    """The run, what a process that was killed had reached of it, or the error that there is instead."""
    error = future.exception()
    if error is None:
        return runs.load(future.result(), new=True)
    if isinstance(error, MedlibError):
        return error
    if (runs.unfinished(folder) / runs.RECORD).is_file():
        return runs.load(runs.unfinished(folder))
    return MedlibError(f"{folder} was not made: {type(error).__name__}: {error}")


@contextmanager
def _client(jobs, scheduler):
    """Client of the cluster at an address, or of one of our own that lasts as long."""
    import distributed

    if scheduler not in (None, "slurm"):
        try:
            client = distributed.Client(scheduler, timeout=SECONDS_TO_CONNECT)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"No Dask scheduler answers at {scheduler} ({error}); start one by `dask scheduler` and workers by "
                "`dask worker ADDRESS --nthreads 1`, or give --jobs without --scheduler."
            ) from error
        with client:
            yield client
        return
    with (
        _same_environment(),
        _local(jobs) if scheduler is None else _slurm(jobs) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@contextmanager
def _same_environment():
    """Dask sets the number of threads of its processes in this one too, and leaves it."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _local(jobs):
    """Processes on this machine, its cores divided among them: two torch processes on all cores slow each other."""
    import distributed

    threads = str(max(1, record.cores() // jobs))
    return distributed.LocalCluster(
        n_workers=jobs,
        threads_per_worker=1,
        memory_limit=None,
        dashboard_address=":0",
        env={name: os.environ.get(name, threads) for name in THREAD_VARIABLES},
    )


def _slurm(jobs):
    """As many SLURM jobs, set up by the user's configuration of dask-jobqueue."""
    try:
        from dask_jobqueue import SLURMCluster

        cluster = SLURMCluster()
    except ImportError as error:
        raise UsageError(f"--scheduler slurm needs dask-jobqueue ({error}); pip install 'medlib[cluster]'.") from error
    except ValueError as error:
        raise UsageError(f"dask-jobqueue is not set up ({error}); write ~/.config/dask/jobqueue.yaml.") from error
    cluster.scale(jobs=jobs)
    return cluster
