"""Fill the templates of the report."""

import base64
import io
from typing import Any

import numpy as np
import pandas as pd
import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import BaseModel

from mnist_gradients.core import machine

_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def write_section(
    pipeline: str, *, parameters: dict[str, Any] | None = None, **content: Any
) -> str:
    """Write the section of a pipeline.

    The section states its own run: time, commit, processor and parameters. It can therefore stand
    in a report of a later run.

    Args:
        pipeline: Name of the pipeline and of its template.
        parameters: Parameters of the run, blocks of them as Pydantic models.
        content: What the template shows. Figures are matplotlib's, as such or as
            the bytes of a PNG file, or plotly's.

    Returns:
        An element `<section>` that needs no other file. All text in it is escaped.

    Raises:
        jinja2.UndefinedError: If the template shows something that is not in the content.
    """
    shown = to_yaml(parameters) if parameters else ""
    run = machine.describe()
    return _render(pipeline, pipeline=pipeline, run=run, parameters=shown, **content)


def write_page(**content: Any) -> str:
    """Write the report, one page that needs no other file (see `templates/page.html.jinja`)."""
    return _render("page", run=machine.describe(), **content)


def to_yaml(parameters: dict[str, Any]) -> str:
    """Return parameters as YAML, short lists inline."""
    plain = {
        name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
        for name, value in parameters.items()
    }
    return yaml.safe_dump(plain, sort_keys=False, default_flow_style=None, width=100)


def scientific(number: float) -> str:
    """Return a number as it is printed: 0.25, 2.5 × 10⁻³, 10⁻⁶."""
    if number == 0 or 0.01 <= abs(number) < 1000:
        return f"{number:.3g}"
    digits, _, exponent = f"{number:.1e}".partition("e")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPT)}"
    return power if digits == "1.0" else f"{digits} × {power}"


def cell(value: Any) -> str:
    """Return a value as it stands in the cell of a table; a dash where there is none."""
    if pd.isna(value):
        return "–"
    if isinstance(value, float):
        return scientific(value)
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def data_uri(picture: Any) -> str:
    """Return a matplotlib figure, or the bytes of its PNG file, as an address that holds it all."""
    if hasattr(picture, "savefig"):  # kept in memory between two nodes
        file = io.BytesIO()
        picture.savefig(file, format="png")
        picture = file.getvalue()
    return "data:image/png;base64," + base64.b64encode(bytes(picture)).decode("ascii")


def lines_of(figure: Any) -> list[dict[str, Any]]:
    """Summarise the lines of a plotly figure for readers who cannot see it.

    Returns:
        One row per line in the legend: name, points, first_x, last_x, first, last, lowest and
        highest y.
    """
    rows = []
    for line in figure.data:
        if line.showlegend is False:  # the same line in a second panel
            continue
        x, y = np.asarray(line.x, dtype=float), np.asarray(line.y, dtype=float)
        rows.append(
            {"name": line.name, "points": len(y), "first_x": x[0], "last_x": x[-1]}
            | {"first": y[0], "last": y[-1], "lowest": y.min(), "highest": y.max()}
        )
    return rows


def heading(section: str) -> str:
    """Return the heading of a section, as HTML."""
    return section.partition("<h2>")[2].partition("</h2>")[0]


def _render(template: str, **content: Any) -> str:
    environment = Environment(
        loader=PackageLoader("mnist_gradients.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"scientific": scientific, "cell": cell, "heading": heading}
    environment.filters |= {"data_uri": data_uri, "lines": lines_of}
    environment.tests["numeric"] = pd.api.types.is_numeric_dtype
    return environment.get_template(f"{template}.html.jinja").render(content)
