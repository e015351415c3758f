"""Register two arrays with a peer, in an interpreter that has it: registration_peers.py {syn,elastix} FOLDER.

FOLDER holds fixed.npy and moving.npy, shape (z, y, x), voxels of 1 mm. Writes mapped.npy there, shape (3, z, y, x):
where in the moving array each voxel is found, in the order x, y, z; and prints the seconds of the registration.
"""

import sys
import time
from pathlib import Path

import numpy as np


def by_syn(fixed, moving, places):
    """Symmetric normalisation of ANTs with cross-correlation after an affine transform, its defaults."""
    import ants

    still, moved = (ants.from_numpy(array.transpose(2, 1, 0)) for array in (fixed, moving))
    start = time.perf_counter()
    found = ants.registration(still, moved, type_of_transform="SyN", random_seed=1)
    seconds = time.perf_counter() - start
    pulled = [ants.apply_transforms(still, ants.from_numpy(place.transpose(2, 1, 0)), found["fwdtransforms"])
              for place in places]  # fmt: skip
    return np.stack([image.numpy().transpose(2, 1, 0) for image in pulled]), seconds


def by_elastix(fixed, moving, places):
    """Affine, then B-splines of 16 mm, elastix' defaults else."""
    import itk

    still, moved = (itk.image_from_array(array) for array in (fixed, moving))
    parameters = itk.ParameterObject.New()
    parameters.AddParameterMap(parameters.GetDefaultParameterMap("affine", 3))
    parameters.AddParameterMap(parameters.GetDefaultParameterMap("bspline", 4, 16.0))
    start = time.perf_counter()
    _, found = itk.elastix_registration_method(still, moved, parameter_object=parameters)
    seconds = time.perf_counter() - start
    pulled = [itk.transformix_filter(itk.image_from_array(place), found) for place in places]
    return np.stack([itk.array_from_image(image) for image in pulled]), seconds


if __name__ == "__main__":
    method, folder = sys.argv[1], Path(sys.argv[2])
    fixed, moving = (np.load(folder / f"{name}.npy") for name in ("fixed", "moving"))
    places = np.indices(moving.shape, dtype=np.float32)[::-1]
    mapped, seconds = {"syn": by_syn, "elastix": by_elastix}[method](fixed, moving, np.ascontiguousarray(places))
    np.save(folder / "mapped.npy", mapped.astype(np.float32))
    print(seconds)
