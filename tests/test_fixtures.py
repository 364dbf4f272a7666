"""The fixtures that several workers share."""

from concurrent.futures import ThreadPoolExecutor


def test_shared_folder_is_made_once(made_once):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "content.txt").write_text("complete")

    def use(_):
        return (made_once("shared_by_this_test", make) / "content.txt").read_text()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(8))) == ["complete"] * 8
    assert len(made) == 1
