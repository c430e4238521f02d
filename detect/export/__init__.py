"""Exporting models: `detect.export(...)`, the check that every export passes, and the comparison of exports.

This package and the public function have the same name, and importing any module of the package makes `detect.export`
the package. So the package can be called like the function.
"""

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *arguments: Any, **options: Any) -> Any:
        """See `detect.export.export_run.export`."""
        from detect.export.export_run import export

        return export(*arguments, **options)


sys.modules[__name__].__class__ = _CallablePackage
