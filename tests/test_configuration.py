"""Rules of the configuration; each is also shown to notice when it is broken.

A new pipeline may break some of them at first: the error message says what it lacks.
"""

import ast
import inspect
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.io import CatalogConfigResolver
from kedro.io.core import parse_dataset_definition
from kedro.pipeline import Node, Pipeline
from kedro.validation.type_extractor import TypeExtractor
from kedro_datasets.pandas import CSVDataset
from pydantic import BaseModel, ConfigDict

from mnist_gradients.console.parameters import check_parameters
from mnist_gradients.pipeline_registry import OPTIONAL
from mnist_gradients.settings import CONFIG_LOADER_ARGS

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
SOURCE = ROOT / "src" / "mnist_gradients"
LAYERS = ["raw", "intermediate", "model_input", "models", "reporting"]
ENVIRONMENTS = sorted(
    folder.name
    for folder in CONF.iterdir()
    if folder.is_dir() and folder.name not in ("base", "local")
)


def load(kind: str, environment: str = "base", **runtime_params: object) -> dict[str, Any]:
    options = CONFIG_LOADER_ARGS | {"default_run_env": environment}
    return OmegaConfigLoader(str(CONF), runtime_params=runtime_params, **options)[kind]


load_once = cache(load)
"""The same for what is only read."""


def leaves(block: dict[str, Any], parent: str = "") -> set[str]:
    """The dotted paths of everything that is no block itself."""
    paths = set()
    for name, value in block.items():
        is_block = isinstance(value, dict) and value
        paths |= leaves(value, f"{parent}{name}.") if is_block else {f"{parent}{name}"}
    return paths


def hold(rule: str, found: Iterable[str]) -> None:
    """Fail with the rule and everything that breaks it."""
    broken = sorted(found)
    assert not broken, f"{rule}; broken by {', '.join(broken)}"


def test_broken_rule_is_named_with_its_cause():
    hold("each entry has a layer", set())
    with pytest.raises(AssertionError, match=r"^each entry has a layer; broken by a, b"):
        hold("each entry has a layer", {"b", "a"})


def is_data(name: str) -> bool:
    return name != "parameters" and not name.startswith("params:")


# --- the catalog -----------------------------------------------------------------------------


def entry_of(name: str, catalog: dict[str, Any]) -> str | None:
    """The catalog's entry or pattern for a dataset."""
    return name if name in catalog else CatalogConfigResolver(catalog).match_dataset_pattern(name)


def lost_between_pipelines(pipelines: dict[str, Pipeline], catalog: dict[str, Any]) -> set[str]:
    """Datasets that a pipeline reads from outside and that no file keeps for it."""
    read = {name for pipeline in pipelines.values() for name in pipeline.inputs() if is_data(name)}
    return {name for name in read if entry_of(name, catalog) is None}


def unused_entries(pipelines: dict[str, Pipeline], catalog: dict[str, Any]) -> set[str]:
    names = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    return set(catalog) - {entry_of(name, catalog) for name in names}


def layer_of(entry: dict[str, Any]) -> str | None:
    return entry.get("metadata", {}).get("kedro-viz", {}).get("layer")


def without_layer(catalog: dict[str, Any]) -> set[str]:
    return {name for name, entry in catalog.items() if layer_of(entry) not in LAYERS}


def backward_nodes(pipelines: dict[str, Pipeline], catalog: dict[str, Any]) -> set[str]:
    """Nodes from a later layer to an earlier one: kedro-viz could not order such layers.

    What has no entry lives in memory and has no layer.
    """

    def depths(names: Iterable[str]) -> list[int]:
        entries = [entry_of(name, catalog) for name in names if is_data(name)]
        layers = [layer_of(catalog[name]) for name in entries if name is not None]
        return [LAYERS.index(layer) for layer in layers if layer in LAYERS]

    return {
        node.name
        for pipeline in pipelines.values()
        for node in pipeline.nodes
        if max(depths(node.inputs), default=0) > min(depths(node.outputs), default=len(LAYERS))
    }


def without_preview(catalog: dict[str, Any]) -> set[str]:
    """Entries of which kedro-viz shows nothing, or of a table no more than its five rows."""
    previews = {f"{kind}Preview" for kind in ("Image", "Table", "JSON", "Plotly", "HTML")}
    found = set()
    for name, entry in catalog.items():
        cls, _ = parse_dataset_definition(entry)
        viz = entry.get("metadata", {}).get("kedro-viz", {})
        kind = inspect.signature(cls.preview).return_annotation if hasattr(cls, "preview") else ""
        shown = getattr(kind, "__name__", kind) in previews and viz.get("preview", True)
        is_short = issubclass(cls, CSVDataset) and "nrows" not in viz.get("preview_args", {})
        if is_short or not shown:
            found.add(name)
    return found


def written_in_place(catalog: dict[str, Any]) -> set[str]:
    """Files of kedro-datasets' own classes, which leave half a file if they are interrupted."""
    classes = {
        name: parse_dataset_definition(entry)[0]
        for name, entry in catalog.items()
        if "filepath" in entry
    }
    return {name for name, cls in classes.items() if cls.__module__.startswith("kedro_datasets")}


def place(entry: dict[str, Any]) -> str:
    """The file of an entry, or its folder if it has many."""
    return entry["filepath"] if "filepath" in entry else entry["path"]


def outside(catalog: dict[str, Any], *roots: str) -> set[str]:
    """Entries whose file or folder is none of the roots, and below none of them."""
    return {
        name
        for name, entry in catalog.items()
        if not f"{place(entry)}/".startswith(tuple(f"{root}/" for root in roots))
    }


@pytest.fixture(scope="module")
def toy() -> dict[str, Pipeline]:
    """A pipeline that makes `x.number` from `raw` and one that reads it."""

    def use(number):
        return number

    make = Pipeline([Node(use, "raw", "number", name="make")], namespace="x", inputs="raw")
    read = Pipeline([Node(use, "given", "out", name="read")], inputs={"given": "number"})
    return {"x": make, "y": Pipeline(read, inputs={"number": "x_number"})}


def entry(filepath: str, layer: str = "reporting") -> dict[str, Any]:
    return {"filepath": filepath, "metadata": {"kedro-viz": {"layer": layer}}}


class TestCatalog:
    def test_whatever_crosses_from_one_pipeline_to_another_is_kept(self, pipelines):
        rule = "each dataset between two pipelines has a catalog entry"
        hold(rule, lost_between_pipelines(pipelines, load_once("catalog")))

    def test_dataset_lost_between_pipelines_is_noticed(self, toy):
        assert lost_between_pipelines(toy, {"raw": {}, "{any}_number": {}}) == set()
        assert lost_between_pipelines(toy, {"raw": {}}) == {"x_number"}

    def test_every_entry_is_used(self, pipelines):
        hold(
            "each catalog entry is used by a node", unused_entries(pipelines, load_once("catalog"))
        )

    def test_unused_entry_is_noticed(self, toy):
        catalog = {"raw": {}, "{any}_number": {}, "forgotten": {}, "{any}.plot": {}}
        assert unused_entries(toy, catalog) == {"forgotten", "{any}.plot"}

    def test_every_entry_has_a_layer(self):
        rule = f"each catalog entry has metadata {{kedro-viz: {{layer: one of {LAYERS}}}}}"
        hold(rule, without_layer(load_once("catalog")))

    def test_missing_or_unknown_layer_is_noticed(self):
        catalog = {
            "good": entry("data/x.png"),
            "bad": entry("data/x.npz", layer="primary"),
            "none": {"filepath": "data/x.npz", "metadata": {"kedro-viz": {}}},
            "bare": {"filepath": "data/x.npz"},
        }
        assert without_layer(catalog) == {"bad", "none", "bare"}

    def test_every_entry_with_something_to_show_has_a_preview(self):
        assert without_preview(load_once("catalog")) == {
            "download.folder",
            "ensemble.trained",  # networks
            "import_data.source",  # files of several formats, slow to read
            "scale.shards",
            "reporting.all_sections",  # each has a preview of its own
            *(f"compare_runs.all_{name}" for name in ("metrics", "parameters", "histories")),
        }

    def test_missing_preview_is_noticed(self):
        def entry(type_, **viz):
            path = {"filepath": "data/x"}
            return {"type": type_, "metadata": {"kedro-viz": {"layer": "raw"} | viz}} | path

        catalog = {
            "picture": entry("mnist_gradients.datasets.FigureDataset"),
            "hidden": entry("mnist_gradients.datasets.FigureDataset", preview=False),
            "table": entry("pandas.CSVDataset", preview_args={"nrows": 20}),
            "short": entry("pandas.CSVDataset"),
            "metrics": entry("json.JSONDataset"),
            "curves": entry("plotly.JSONDataset"),
            "text": entry("text.TextDataset"),
        }
        assert without_preview(catalog) == {"hidden", "short", "text"}

    def test_every_file_is_replaced_only_when_its_successor_is_complete(self):
        rule = "each file is written whole, as by mnist_gradients.datasets.atomic.CSVDataset"
        hold(rule, written_in_place(load_once("catalog")))

    def test_file_that_is_written_in_place_is_noticed(self):
        types = {
            "table": "pandas.CSVDataset",
            "whole": "mnist_gradients.datasets.atomic.CSVDataset",
            "picture": "mnist_gradients.datasets.FigureDataset",
            "memory": "MemoryDataset",
        }
        catalog = {name: {"type": type_, "filepath": "x"} for name, type_ in types.items()}
        del catalog["memory"]["filepath"]
        assert written_in_place(catalog) == {"table"}

    def test_layers_follow_the_flow_of_the_data(self, pipelines):
        rule = "each node writes to the layer that it reads from, or to a later one"
        hold(rule, backward_nodes(pipelines, load_once("catalog")))

    def test_step_back_to_an_earlier_layer_is_noticed(self, toy):
        layers = {"raw": "raw", "x.number": "reporting", "x_number": "reporting", "out": "models"}
        catalog = {name: entry(name, layer) for name, layer in layers.items()}
        assert backward_nodes(toy, catalog) == {"read"}

    def test_data_root_moves_every_output_and_raw_root_every_input(self):
        roots = {"data_root": "/out", "raw_root": "/in", "inference": {"folder": "/own"}}
        catalog = load("catalog", **roots, import_data={"source": "/published"})
        assert place(catalog.pop("own_digits")) == "/own"
        assert place(catalog.pop("import_data.source")) == "/published"
        raw = {name: entry for name, entry in catalog.items() if name.startswith("raw_")}
        assert len(raw) == 5
        hold("each raw file is below ${_raw_root}", outside(raw, "/in"))
        others = {name: catalog[name] for name in catalog.keys() - raw}
        hold("each output is below ${_data_root}", outside(others, "/out"))

    def test_run_with_a_name_has_a_folder_of_its_own(self):
        catalog = load("catalog", data_root="/out", run_name="wide", raw_root="/out/runs/wide")
        compared = {name for name in catalog if name.startswith("compare_runs.all_")}
        read = compared | {"own_digits", "import_data.source"}
        hold("each output is the run's", outside(catalog, "/out/runs/wide") - read)
        assert {place(catalog[name]) for name in compared} == {"/out"}

    def test_path_that_does_not_move_is_noticed(self):
        catalog = {"moves": entry("/out/08_reporting/x.csv"), "stays": entry("data/x.csv")}
        assert outside(catalog, "/out") == {"stays"}


# --- parameters ------------------------------------------------------------------------------


def read_parameters(pipelines: dict[str, Pipeline]) -> set[str]:
    names = {name for pipeline in pipelines.values() for name in pipeline.datasets()}
    return {name.removeprefix("params:") for name in names if name.startswith("params:")}


def unread_parameters(parameters: dict[str, Any], pipelines: dict[str, Pipeline]) -> set[str]:
    """Parameters that no node reads, alone or as part of a block."""
    read = read_parameters(pipelines)
    return {
        path
        for path in leaves(parameters)
        if not any(path == name or path.startswith(f"{name}.") for name in read)
    }


def lenient_models(models: dict[str, type]) -> set[str]:
    """Blocks that are no Pydantic model, or one that takes any key."""
    return {
        name
        for name, model in models.items()
        if not (issubclass(model, BaseModel) and model.model_config.get("extra") == "forbid")
    }


def fields(model: type[BaseModel]) -> set[str]:
    """The names of a model's fields, and of those of the models inside it."""
    schema = model.model_json_schema()
    blocks = [schema, *schema.get("$defs", {}).values()]
    return {name for block in blocks for name in block.get("properties", {})}


def names_used(sources: Iterable[str]) -> set[str]:
    """Every attribute and every argument's name in some source."""
    nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.arg for node in nodes if isinstance(node, ast.arg)}


class Lenient(BaseModel):
    rate: float


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    inner: dict[str, Lenient]
    seed: int = 0


@pytest.fixture(scope="module")
def models(pipelines) -> dict[str, type[BaseModel]]:
    return TypeExtractor(pipelines).extract_types_from_pipelines()


class TestParameters:
    def test_every_parameter_is_read_by_a_node(self, pipelines):
        rule = "each parameter is read by a node"
        hold(rule, unread_parameters(load_once("parameters"), pipelines))

    def test_unread_parameter_is_noticed(self):
        def use(rate, block):
            return rate, block

        nodes = [Node(use, ["params:net.rate", "params:block"], "out", name="use")]
        parameters = {"net": {"rate": 1, "old": 2}, "block": {"a": {"b": 3}}, "spare": 4}
        assert unread_parameters(parameters, {"x": Pipeline(nodes)}) == {"net.old", "spare"}

    def test_every_block_is_checked_by_a_model_that_forbids_other_keys(self, pipelines, models):
        blocks = read_parameters(pipelines) - {"seed"}
        rule = "each parameter is part of a block whose node annotates it with a Pydantic model"
        hold(rule, blocks - set(models))
        hold("each model of parameters forbids other keys", lenient_models(models))

    def test_lenient_model_is_noticed(self):
        assert lenient_models({"a": Strict, "b": Lenient, "c": dict}) == {"b", "c"}

    @pytest.mark.parametrize("environment", ["base", *ENVIRONMENTS])
    def test_every_environment_is_accepted_by_the_models(self, pipelines, environment):
        options = CONFIG_LOADER_ARGS | {"default_run_env": environment}
        check_parameters(OmegaConfigLoader(str(CONF), **options), pipelines)

    def test_every_field_is_used_outside_its_model(self, models):
        paths = [path for path in SOURCE.rglob("*.py") if path.name != "parameters.py"]
        used = names_used(path.read_text(encoding="utf-8") for path in paths)
        rule = "each field of a model of parameters is used outside parameters.py"
        hold(rule, set().union(*map(fields, models.values())) - used)

    def test_unused_field_is_noticed(self):
        assert fields(Strict) == {"inner", "rate", "seed"}
        source = "def solve(rate):\n    return parameters.inner[rate]\nseed = 3\n"
        assert fields(Strict) - names_used([source]) == {"seed"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environment_writes_beside_the_default_run_and_not_over_it(environment):
    default_root = load_once("globals")["data_root"]
    loader = OmegaConfigLoader(str(CONF), **CONFIG_LOADER_ARGS | {"default_run_env": environment})
    check_parameters(loader, {})  # as every run begins; it must not change the globals
    root = loader["globals"]["data_root"]
    assert root != default_root
    catalog = loader["catalog"]
    hold(f"each entry in conf/{environment} is in conf/base", catalog.keys() - load_once("catalog"))
    written = outside(catalog, "data/01_raw")
    assert len(written) > 20
    hold("each output is below ${_data_root}", outside(catalog, root) & written)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("kind", ["parameters", "globals"])
def test_environment_changes_what_base_has_and_adds_nothing(environment, kind):
    rule = f"each of the {kind} in conf/{environment} is in conf/base, too"
    hold(rule, leaves(load_once(kind, environment)) - leaves(load_once(kind)))


def test_the_three_users_of_the_best_network_agree():
    best = load_once("globals")["shared"]["best_network"]
    assert load_once("parameters", "best")["fnn"] == overlaid(
        load_once("parameters")["fnn"], best, "best"
    )
    network = load_once("parameters", "ensemble")["ensemble"]["network"]
    assert network == overlaid(load_once("parameters")["fnn"], best, "ensemble")
    throughput = load_once("parameters")["benchmark"]["throughput"]
    assert {"name": "best", "changes": best} in throughput["networks"]


def overlaid(fnn: dict[str, Any], changes: dict[str, Any], environment: str) -> dict[str, Any]:
    """The parameters of a network with changes, in an environment's folder."""
    augmentation = fnn["augmentation"] | changes["augmentation"]
    folder = f"{load_once('globals', environment)['data_root']}/06_models/checkpoints"
    checkpoints = fnn["checkpoints"] | {"folder": folder}
    return fnn | changes | {"augmentation": augmentation, "checkpoints": checkpoints}


def test_single_parameter_of_the_best_network_changes_on_the_command_line():
    changed = load("parameters", "best", fnn={"augmentation": {"rotation": 5.0}})["fnn"]
    unchanged = load_once("parameters", "best")["fnn"]
    augmentation = unchanged["augmentation"] | {"rotation": 5.0}
    assert changed == unchanged | {"augmentation": augmentation}


def test_data_root_moves_the_checkpoints():
    parameters = load("parameters", data_root="/out")
    for network in (parameters["fnn"], parameters["ensemble"]["network"]):
        assert network["checkpoints"]["folder"] == "/out/06_models/checkpoints"


@pytest.mark.parametrize("environment", ["base", "test"])
def test_ablation_ensemble_and_benchmark_train_the_network_of_fnn(environment):
    parameters = load_once("parameters", environment)
    assert parameters["ablation"]["network"] == parameters["fnn"]
    assert parameters["ensemble"]["network"] == parameters["fnn"]
    assert parameters["benchmark"]["throughput"]["network"] == parameters["fnn"]


def test_key_that_base_lacks_is_noticed():
    base = {"fnn": {"epochs": 16, "widths": [512]}}
    changed = {"fnn": {"epochs": 2, "widths": [64], "epoch": 2}}
    assert leaves(changed) - leaves(base) == {"fnn.epoch"}


# --- one word for folder, namespace, parameters, catalog and outputs -------------------------


def misnamed(name: str, pipeline: Pipeline, catalog: dict[str, Any]) -> list[str]:
    """The parts of a pipeline without its name."""
    found = []
    for node in pipeline.nodes:
        if node.namespace is None or node.namespace.split(".")[0] != name:
            found.append(f"namespace {node.namespace} of {node.name}")
        if name not in node.tags:
            found.append(f"tags of {node.name}")
    for path, block in catalog.items():
        if path.split(".")[0] == name and name not in place(block):
            found.append(f"file of {path}")
    return found


def strangers(name: str, pipeline: Pipeline, content: dict[str, Any]) -> set[str]:
    """Keys of a pipeline's configuration file that are neither its own nor at its border."""
    border = pipeline.inputs() | pipeline.outputs() | pipeline.all_outputs()
    return {
        key
        for key in content
        if not (key.startswith("_") or key.split(".")[0] == name or key in border)
    }


class TestNames:
    def test_every_pipeline_carries_the_name_of_its_folder(self, pipelines):
        folders = {path.parent.name for path in SOURCE.glob("pipelines/*/pipeline.py")}
        assert folders == set(pipelines) - {"__default__"}
        catalog = load_once("catalog")
        for name in folders:
            written = {"06_models", "08_reporting"}
            results = {
                path: block
                for path, block in catalog.items()
                if written & set(place(block).split("/"))
            }
            rule = f"namespace, tags and files of the pipeline {name} carry its name"
            hold(rule, misnamed(name, pipelines[name], results))

    def test_misnamed_part_is_noticed(self, toy):
        catalog = {"x.number": entry("data/08_reporting/y/number.csv")}
        assert misnamed("x", toy["x"], catalog) == ["tags of x.make", "file of x.number"]
        assert misnamed("y", toy["y"], catalog)[0] == "namespace None of read"

    def test_every_configuration_file_holds_what_its_name_says(self, pipelines):
        files = [*CONF.glob("*/catalog_*.yml"), *CONF.glob("*/parameters_*.yml")]
        assert len(files) > len(pipelines)
        for path in files:
            name = path.stem.partition("_")[2]
            content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            rule = f"{path.name} holds what the pipeline {name} reads and writes"
            hold(rule, strangers(name, pipelines[name], content))

    def test_stranger_in_a_configuration_file_is_noticed(self, toy):
        content = {"_root": "data", "x": {}, "x.number": {}, "raw": {}, "y.number": {}, "z": {}}
        assert strangers("x", toy["x"], content) == {"y.number", "z"}

    def test_default_run_holds_every_pipeline_except_the_optional_ones(self, pipelines):
        expected = set(pipelines) - {"__default__", *OPTIONAL}
        nodes = {node for name in expected for node in pipelines[name].nodes}
        assert set(pipelines["__default__"].nodes) == nodes
        optional = {node for name in OPTIONAL for node in pipelines[name].nodes}
        assert optional
        assert not optional & nodes
