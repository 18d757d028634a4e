def test_it_is_the_loop_itself(loop_of, recipe_of, trained, same):
    """Without a recipe, and led end to end: the same bits."""
    states = [trained(loop_of(recipe)).state_dict() for recipe in (None, recipe_of("end_to_end"))]
    for state in states:
        state["records"][0].pop("timing")
    assert same(*states) and states[0]["recipe"] == {} and states[0]["records"][0]["stages"] == []
