from moe_lab.data.generators import bit_generator


def test_seed_and_name_each_change_the_numbers():
    draws = {tuple(bit_generator(seed, name).random_raw(3)) for seed in (0, 1) for name in ("a", "b")}
    assert len(draws) == 4
    assert tuple(bit_generator(1, "b").random_raw(3)) in draws
