"""Parameters of the download pipeline."""

from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

Mirror = Annotated[str, StringConstraints(pattern=r"^https?://\S+/$")]
Name = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*$")]  # leads out of no folder
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class SourceParameters(BaseModel):
    """Where a data set is published.

    Attributes:
        mirrors: Addresses of folders, each ending in a slash, tried in this order.
        files: Name of each file there and here, and its SHA-256: that of the file as it is
            published, or that of its content without gzip, which mirrors may pack differently.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mirrors: tuple[Mirror, ...] = Field(min_length=1)
    files: dict[Name, Sha256] = Field(min_length=1)


class DownloadParameters(BaseModel):
    """Which data set to fetch, and how patiently.

    Attributes:
        datasets: The data sets that can be named.
        dataset: The one to fetch; also the name of its folder.
        attempts: How often a mirror may break the connection before the next one is asked.
        timeout_seconds: How long a mirror may be silent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    datasets: dict[Name, SourceParameters] = Field(min_length=1)
    dataset: str
    attempts: PositiveInt
    timeout_seconds: PositiveFloat

    @field_validator("dataset")
    @classmethod
    def _is_known(cls, dataset: str, info: ValidationInfo) -> str:
        known = info.data.get("datasets", {dataset: None})  # missing if it is wrong itself
        if dataset not in known:
            raise ValueError(f"found {dataset!r}, expected one of {', '.join(known)}")
        return dataset
