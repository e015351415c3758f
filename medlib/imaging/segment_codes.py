"""Codes of what a segment can be: SNOMED CT for organs, so that a program need not understand a name."""

from collections.abc import Mapping
from typing import NamedTuple

from medlib.errors import UsageError


class Code(NamedTuple):
    """A coded word, as DICOM has it: what it says does not depend on a language.

    Attributes
    ----------
    value : str
    meaning : str
        In words, at most 64 characters.
    scheme : str
        "SCT" for SNOMED CT, "DCM" for DICOM's own, or another of PS3.16, section 8.
    """

    value: str
    meaning: str
    scheme: str = "SCT"


ANATOMY = Code("91723000", "Anatomical Structure")
ABNORMALITY = Code("49755003", "Morphologically Abnormal Structure")
#: What segments may be called, and the code of each (DICOM PS3.16, CID 7150 and 7151).
CODES = {
    "adrenal gland": Code("23451007", "Adrenal gland"),
    "aorta": Code("15825003", "Aorta"),
    "bladder": Code("89837001", "Bladder"),
    "brain": Code("12738006", "Brain"),
    "colon": Code("71854001", "Colon"),
    "duodenum": Code("38848004", "Duodenum"),
    "esophagus": Code("32849002", "Esophagus"),
    "femur": Code("71341001", "Femur"),
    "gallbladder": Code("28231008", "Gallbladder"),
    "heart": Code("80891009", "Heart"),
    "hippocampus": Code("5366008", "Hippocampus"),
    "inferior vena cava": Code("64131007", "Inferior vena cava"),
    "kidney": Code("64033007", "Kidney"),
    "liver": Code("10200004", "Liver"),
    "lung": Code("39607008", "Lung"),
    "nodule": Code("27925004", "Nodule"),
    "pancreas": Code("15776009", "Pancreas"),
    "portal vein": Code("32764006", "Portal vein"),
    "prostate": Code("41216001", "Prostate"),
    "sacrum": Code("54735007", "Sacrum"),
    "small intestine": Code("30315005", "Small intestine"),
    "spinal cord": Code("2748008", "Spinal cord"),
    "spine": Code("421060004", "Spine"),
    "spleen": Code("78961009", "Spleen"),
    "stomach": Code("69695003", "Stomach"),
    "trachea": Code("44567001", "Trachea"),
    "vertebra": Code("51282000", "Vertebra"),
}
_PLURALS = {"kidneys": "kidney", "lungs": "lung", "vertebrae": "vertebra", "nodules": "nodule"}
_ABNORMAL = {"27925004"}
_SIDES = {"right": Code("24028007", "Right"), "left": Code("7771000", "Left")}
_BOTH = Code("51440002", "Bilateral")
_PAIRS = {"kidneys", "lungs"}


def find(name: str, own: Mapping[str, Code] | None = None) -> tuple[Code, Code | None]:
    """The code of a structure, and that of its side.

    Parameters
    ----------
    name : str
        One of `CODES`, in the singular or the plural, with "left" or "right" before or behind; words may be joined by
        underscores.
    own : mapping of str to Code, optional
        Of names that mean something else, or that `CODES` does not have.

    Returns
    -------
    structure : Code
    side : Code or None
        Also that of both sides, for kidneys and lungs.

    Raises
    ------
    UsageError
        If the name is in neither.

    Examples
    --------
    >>> find("kidney_left")
    (Code(value='64033007', meaning='Kidney', scheme='SCT'), Code(value='7771000', meaning='Left', scheme='SCT'))
    """
    if own and name in own:
        return own[name], None
    words = name.lower().replace("_", " ").split()
    sides = [word for word in words if word in _SIDES]
    plain = " ".join(word for word in words if word not in _SIDES)
    both = _BOTH if plain in _PAIRS else None
    plain = _PLURALS.get(plain, plain)
    if plain not in CODES or len(sides) > 1:
        raise UsageError(
            f"There is no code for the segment {name!r}; give one in codes, such as {{{name!r}: "
            f"Code('10200004', 'Liver')}}, or call it one of {', '.join(CODES)}."
        )
    return CODES[plain], _SIDES[sides[0]] if sides else both


def category(structure: Code) -> Code:
    """Whether a structure belongs to the body or to a disease.

    Parameters
    ----------
    structure : Code

    Returns
    -------
    Code
        `ABNORMALITY` for what `CODES` knows to be one, else `ANATOMY`.

    Examples
    --------
    >>> category(CODES["nodule"]).meaning
    'Morphologically Abnormal Structure'
    """
    return ABNORMALITY if structure.value in _ABNORMAL else ANATOMY
