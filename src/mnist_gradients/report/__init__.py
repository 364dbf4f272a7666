"""The report: a section of HTML for each pipeline, and one page that joins them.

All templates lie in `templates/`: one for each section, named after its pipeline, and `page`.
"""

from mnist_gradients.report.rendering import write_page, write_section

__all__ = ["write_page", "write_section"]
