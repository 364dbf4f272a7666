"""`python -m mnist_gradients` and the command `mnist-gradients`: `kedro run` of the package."""

import logging

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main() -> None:
    """Run the project from an installed package, with the options of `kedro run`.

    Kedro reads no configuration of the output from an archive; its lines on single datasets are
    left out here.
    """
    configure_project("mnist_gradients")
    logging.getLogger("kedro").setLevel(logging.WARNING)
    logging.getLogger("kedro_viz").setLevel(logging.ERROR)
    find_run_command("mnist_gradients")()


if __name__ == "__main__":
    main()
