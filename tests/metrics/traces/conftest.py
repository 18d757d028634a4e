"""Small traces, with planted relations or none."""

import numpy as np

from moe_lab.routing.trace import NONE, Labels, LayerTrace, Trace


def labels(value, names="abcdefgh"):
    value = np.asarray(value, dtype=np.int32)
    return Labels(value=value, names=tuple(names[: int(value.max()) + 1]))


def layer(experts_TK, experts, name="block0", **words):
    return LayerTrace(name=name, experts=experts, experts_TK=np.asarray(experts_TK, dtype=np.int16), **words)


def planted(D=40, E=6, K=2, G=2, V=12, L=1, follow=0.5, seed=0, lengths=(20, 31), shuffle=False):
    """Documents of ``G`` domains whose rows follow the domain's own scores as far as ``follow``, and their token."""
    rng = np.random.default_rng(seed)
    document_T = np.repeat(np.arange(D), rng.integers(*lengths, D))
    T = len(document_T)
    domain_D, token_T = rng.integers(0, G, D), rng.integers(0, V, T)
    domain_D[:G] = np.arange(G)
    place_T = np.concatenate([np.arange(n) for n in np.bincount(document_T)])
    layers = []
    for _ in range(L):
        scores = rng.normal(size=(V, E))[token_T] + follow * rng.normal(size=(G, E))[domain_D[document_T]]
        experts_TK = np.argsort(-(scores + rng.gumbel(size=(T, E))), axis=1)[:, :K].astype(np.int16)
        experts_TK[rng.random(T) < 0.05] = NONE
        layers.append(experts_TK)
    order = rng.permutation(T) if shuffle else np.arange(T)
    return Trace(
        layers=tuple(layer(experts[order], E, f"block{number}") for number, experts in enumerate(layers)),
        document_T=document_T[order].astype(np.int32),
        position_T=place_T[order].astype(np.int32),
        token_id_T=token_T[order].astype(np.int32),
        document_labels={"domain": labels(domain_D)},
        row_labels={"class": labels((token_T % 3)[order])},
    )
