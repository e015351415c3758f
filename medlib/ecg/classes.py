"""Beat symbols of WFDB annotations and the five AAMI classes that they belong to."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medlib.errors import DataError, UsageError

CLASSES = ("N", "S", "V", "F", "Q")

_DE_CHAZAL = {
    "N": "NLRBej",  # sinus beats, bundle branch blocks, atrial and nodal escape beats
    "S": "AaJSn",  # premature atrial, aberrated, nodal and supraventricular beats, supraventricular escape
    "V": "VEr",  # premature, escape and R-on-T ventricular beats
    "F": "F",  # fusion of a ventricular and a normal beat
    "Q": "/fQ?",  # paced, fusion of a paced and a normal beat, unclassifiable, learning
}
_SYMBOL_CLASS = {symbol: name for name, symbols in _DE_CHAZAL.items() for symbol in symbols}

#: AAMI class of every beat symbol, by convention.
CONVENTIONS: dict[str, dict[str, str]] = {
    "de_chazal": _SYMBOL_CLASS,
    "bxb": _SYMBOL_CLASS | {"e": "S", "j": "S"},
}


def symbol_classes(convention: str) -> dict[str, str]:
    """AAMI class of every beat symbol.

    Parameters
    ----------
    convention : {"de_chazal", "bxb"}
        Where atrial (``e``) and nodal (``j``) escape beats go: to N, as in de Chazal (2004) and the papers that
        compare with it, or to S, as in WFDB's program ``bxb``.

    Returns
    -------
    dict of str to str
        Symbol to one of ``CLASSES``.

    Raises
    ------
    UsageError
        If the convention is neither of the two.

    Examples
    --------
    >>> symbol_classes("de_chazal")["j"], symbol_classes("bxb")["j"]
    ('N', 'S')
    """
    if convention not in CONVENTIONS:
        raise UsageError(f"Convention {convention!r} is unknown; use one of {', '.join(CONVENTIONS)}.")
    return CONVENTIONS[convention]


def is_beat(symbols: ArrayLike) -> NDArray[np.bool_]:
    """Whether each annotation marks a beat, rather than a rhythm change, a waveform or noise.

    A flutter wave (``!``) is no beat: AAMI classes none.

    Parameters
    ----------
    symbols : array_like of str, any shape
        WFDB annotation symbols.

    Returns
    -------
    ndarray of bool, same shape

    Examples
    --------
    >>> is_beat(["N", "+", "V", "~", "!"])
    array([ True, False,  True, False, False])
    """
    return np.isin(np.asarray(symbols, dtype=str), list(_SYMBOL_CLASS))


def aami_classes(symbols: ArrayLike, convention: str = "de_chazal") -> NDArray[np.str_]:
    """AAMI class of each beat: N, S (supraventricular), V (ventricular), F (fusion) or Q (unknown).

    Parameters
    ----------
    symbols : array_like of str, any shape
        WFDB beat symbols; select them with :func:`is_beat`.
    convention : {"de_chazal", "bxb"}
        See :func:`symbol_classes`. On the test set DS2 of the MIT-BIH database the choice changes the number of
        S beats from 1,837 to 2,050.

    Returns
    -------
    ndarray of str, same shape
        One of ``CLASSES`` a beat.

    Raises
    ------
    DataError
        If a symbol is not a beat's.
    UsageError
        If the convention is unknown.

    References
    ----------
    ANSI/AAMI EC57:2012, Testing and reporting performance results of cardiac rhythm and ST segment measurement
    algorithms. de Chazal, O'Dwyer and Reilly (2004), IEEE Transactions on Biomedical Engineering 51(7), 1196-1206.

    Examples
    --------
    >>> aami_classes(["L", "A", "E", "F", "/", "j"])
    array(['N', 'S', 'V', 'F', 'Q', 'N'], dtype='<U1')
    >>> aami_classes(["j"], convention="bxb")
    array(['S'], dtype='<U1')
    """
    symbols = np.asarray(symbols, dtype=str)
    classes = symbol_classes(convention)
    found, position = np.unique(symbols, return_inverse=True)
    unknown = [symbol for symbol in found.tolist() if symbol not in classes]
    if unknown:
        raise DataError(
            f"Annotation symbols {unknown[:5]} mark no beat; beats are {' '.join(classes)}. "
            "Select beats first: symbols[is_beat(symbols)]."
        )
    return np.array([classes[symbol] for symbol in found.tolist()], dtype="<U1")[position].reshape(symbols.shape)
