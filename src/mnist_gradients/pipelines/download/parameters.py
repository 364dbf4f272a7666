"""Parameters of the download pipeline."""

from typing import Annotated

from pydantic import (
    Field,
    PositiveFloat,
    PositiveInt,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from mnist_gradients.core.parameters import Parameters

Mirror = Annotated[str, StringConstraints(pattern=r"^https?://\S+/$")]
Name = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*$")]  # no path to another folder
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class SourceParameters(Parameters):
    """Where a data set is published.

    Attributes:
        mirrors: Addresses of folders, each ending in a slash, tried in this order.
        files: Name of each file there and here, and its SHA-256.
    """

    mirrors: tuple[Mirror, ...] = Field(min_length=1)
    files: dict[Name, Sha256] = Field(min_length=1)


class DownloadParameters(Parameters):
    """Which data set to fetch, and how patiently.

    Attributes:
        datasets: The data sets that can be named.
        dataset: The one to fetch; also the name of its folder.
        attempts: Number of attempts at a mirror before the next one is asked.
        timeout_seconds: Longest silence of a mirror.
        most_megabytes: A longer answer is cut off and refused.
    """

    datasets: dict[Name, SourceParameters] = Field(min_length=1)
    dataset: str
    attempts: PositiveInt
    timeout_seconds: PositiveFloat
    most_megabytes: PositiveFloat

    @field_validator("dataset")
    @classmethod
    def _is_known(cls, dataset: str, info: ValidationInfo) -> str:
        known = info.data.get("datasets", {dataset: None})  # missing if it is wrong itself
        if dataset not in known:
            raise ValueError(f"found {dataset!r}, expected one of {', '.join(known)}")
        return dataset
