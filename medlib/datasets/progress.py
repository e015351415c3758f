"""How far the download of one large file is, on a terminal."""


class FileBar:
    """A bar of `rich.progress` in the form that pooch fills: for a file whose size only its server tells.

    Parameters
    ----------
    progress : rich.progress.Progress
        In which the bar appears, below those that are there.
    path : str
        Name of the file, which is written beside the bar.

    Attributes
    ----------
    total : int
        Size of the file in bytes, which pooch sets when the server has told it; 0 where it has not.

    Examples
    --------
    >>> from rich.progress import Progress
    >>> with Progress(disable=True) as progress:
    ...     bar = FileBar(progress, "Task09_Spleen.tar")
    ...     bar.total = 1000
    ...     bar.update(600)
    ...     progress.tasks[0].percentage
    60.0
    """

    def __init__(self, progress, path: str):
        self.total = 0
        self._progress = progress
        self._task = progress.add_task(path, total=None)

    def update(self, size: int) -> None:
        """Take note of so many bytes more."""
        self._progress.update(self._task, advance=size, total=self.total or None)

    def reset(self) -> None:
        """Begin anew."""
        self._progress.reset(self._task)

    def close(self) -> None:
        """Take the bar away."""
        self._progress.remove_task(self._task)
