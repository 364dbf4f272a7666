from pathlib import Path

from mnist_gradients.core import machine


def test_processor_is_named_by_linux(tmp_path, monkeypatch):
    names = tmp_path / "cpuinfo"
    names.write_text("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nprocessor\t: 1\n")
    monkeypatch.setattr(machine, "Path", lambda _: names)
    assert machine.processor() == "Some CPU @ 2 GHz"


def test_processor_has_a_name_elsewhere_too(tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "Path", lambda _: Path(tmp_path / "missing"))
    monkeypatch.setattr(machine.platform, "processor", lambda: "")
    monkeypatch.setattr(machine.platform, "machine", lambda: "riscv64")
    assert machine.processor() == "riscv64"
