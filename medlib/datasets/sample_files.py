"""What the simulators of the samples share: how a record is written, and how a sample is made from the command line."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np


def write_record(
    folder: Path,
    name: str,
    digital: np.ndarray,
    sampling_rate: float,
    lead_names: Sequence[str],
    *,
    signal_format: str,
    gain: Sequence[float],
    baseline: Sequence[int],
    zero: int = 0,
    resolution: int,
    comments: Sequence[str],
) -> None:
    """Write a WFDB record: a header ``<name>.hea`` with initial values and checksums, and a signal ``<name>.dat``.

    Parameters
    ----------
    folder : Path
        An existing folder.
    name : str
    digital : ndarray of int, shape (n_samples, n_leads)
        In steps of the analog-to-digital converter.
    sampling_rate : float
        In Hz.
    lead_names : sequence of str
    signal_format : {"16", "212"}
    gain : sequence of float
        Steps per mV of each lead.
    baseline : sequence of int
        Step that is 0 mV, of each lead.
    zero, resolution : int
        Middle of the converter's range, and its bits; 0 where they are not known.
    comments : sequence of str
        Lines of the header.

    Examples
    --------
    >>> import tempfile
    >>> from medlib import datasets
    >>> options = dict(signal_format="16", gain=[100], baseline=[0], resolution=16, comments=["a ramp"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_record(Path(folder), "ramp", np.arange(3)[:, None], 250.0, ["II"], **options)
    ...     datasets.read_ecg(folder, "ramp", annotator=None).signal
    array([[0.  , 0.01, 0.02]], dtype=float32)
    """
    import wfdb

    n_leads = len(lead_names)
    record = wfdb.Record(
        record_name=name,
        n_sig=n_leads,
        fs=sampling_rate,
        sig_len=len(digital),
        file_name=[f"{name}.dat"] * n_leads,
        fmt=[signal_format] * n_leads,
        adc_gain=list(gain),
        baseline=list(baseline),
        units=["mV"] * n_leads,
        adc_res=[resolution] * n_leads,
        adc_zero=[zero] * n_leads,
        init_value=digital[0].tolist(),
        checksum=(digital.sum(axis=0) % 2**16).tolist(),
        block_size=[0] * n_leads,
        sig_name=list(lead_names),
        comments=list(comments),
        d_signal=digital,
    )
    record.wrsamp(write_dir=str(folder))


def make_sample(write_sample: Callable[[Path], None]) -> None:
    """Write a sample to the folder that the command line names: ``python -m MODULE FOLDER``.

    Parameters
    ----------
    write_sample : callable
        Takes an existing folder.
    """
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.exit(f"usage: python -m {write_sample.__globals__['__spec__'].name} FOLDER (an existing folder)")
    write_sample(Path(sys.argv[1]))
