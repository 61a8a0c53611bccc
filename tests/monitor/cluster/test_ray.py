"""What is decided about Ray without one."""

from monitor.cluster.ray_controller import misnamed


def test_a_node_without_a_name_for_its_folder_of_its_own_is_named() -> None:
    assert list(misnamed(["one", "192.0.2.1", "fe80::1", "node_2.example"])) == []
    assert list(misnamed(["one", "two", "one"])) == [
        "2 nodes are named one: ray start --node-name gives each its own"
    ]
    for name in ("..", "a/b", "", "a b", ".hidden"):
        (fault,) = misnamed([name])
        assert fault == f"node {name}: it has no shards; letters, digits and _ . : - are allowed"
