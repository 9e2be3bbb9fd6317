"""Loads the hook into a Python that starts with this folder on its path, and then what would have been loaded here."""

import importlib
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
_SELF = sys.modules.get(__name__)

try:
    importlib.import_module("stas_statements")
except Exception as error:  # a test run must never break for the sake of its record
    sys.stderr.write(f"stas: statements are not recorded: {type(error).__name__}\n")

sys.path[:] = [path for path in sys.path if os.path.abspath(path or ".") != _HERE]
sys.path_importer_cache.pop(_HERE, None)
if __name__ == "sitecustomize" and _SELF is not None:
    del sys.modules[__name__]
    try:
        importlib.import_module(__name__)
    except ModuleNotFoundError as error:
        if error.name != __name__:
            raise
    finally:
        sys.modules.setdefault(__name__, _SELF)
