"""The base class of all parameter models."""

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Immutable parameters that refuse unknown keys, NaN and infinity."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
