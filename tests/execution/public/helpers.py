"""What the notebook on blood pressure imports, as notebooks do: from beside it."""

import numpy as np


def design(table, degree, standardise):
    """Powers of each column up to a degree, and a constant."""
    x = np.column_stack([table**power for power in range(1, degree + 1)]).astype(float)
    if standardise:
        x = (x - x.mean(axis=0)) / x.std(axis=0)
    return np.column_stack([np.ones(len(x)), x])


def ridge(x, y, alpha):
    """Weights of least squares with a penalty on all but the constant."""
    penalty = alpha * np.eye(x.shape[1])
    penalty[0, 0] = 0
    return np.linalg.solve(x.T @ x + penalty, x.T @ y)
