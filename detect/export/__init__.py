"""Models for other runtimes: `detect.export(...)`, and the check that every export passes.

The package has the name of the function, and importing one of its modules makes `detect.export` mean the package. So
the package can be called.
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
