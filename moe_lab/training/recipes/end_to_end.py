"""The recipe that trains everything together."""

from moe_lab.training.recipe import Recipe


class EndToEnd(Recipe):
    """Gate and experts are trained together, by gradient, from the first step to the last."""

    leads_networks = True
