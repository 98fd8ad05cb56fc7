"""Arrays on axes with names, written as netCDF without xarray, which takes half a second to import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

Variable = tuple[tuple[str, ...], np.ndarray, Mapping[str, str]]


@dataclass(frozen=True, eq=False)
class Labelled:
    """What makes an `xarray.Dataset`: variables and coordinates, float64, as (axes, values, attributes).

    Every axis has a coordinate of its name; attributes are strings and numbers.
    """

    variables: Mapping[str, Variable]
    coordinates: Mapping[str, Variable]
    attributes: Mapping[str, Any]

    def dataset(self) -> xr.Dataset:
        """The same for xarray."""
        import xarray as xr

        return xr.Dataset(self.variables, self.coordinates, self.attributes)

    def assign_attrs(self, **attributes: Any) -> Labelled:
        """The same with these attributes too, as xarray's method of this name."""
        return replace(self, attributes={**self.attributes, **attributes})

    def content(self) -> bytes:
        """The bytes of its netCDF file, those that xarray would write."""
        from scipy.io import netcdf_file

        content = BytesIO()
        with netcdf_file(content, "w", version=2) as file:
            _describe(file, self.attributes)
            for axis, (_, values, _) in self.coordinates.items():
                file.createDimension(axis, len(values))
            for name, (axes, values, attributes) in {**self.variables, **self.coordinates}.items():
                variable = file.createVariable(name, np.dtype(np.float64), axes)
                variable[:] = values
                _describe(variable, {**attributes, "_FillValue": np.nan})
            file.flush()
            return content.getvalue()


def _describe(part: Any, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        setattr(part, name, value.encode() if isinstance(value, str) else np.atleast_1d(value))
