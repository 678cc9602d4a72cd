"""The design choices of the paper and of this package: what is asked, and the configurations that answer it.

Each arm is a set of changes to `presets.ABLATION_BASE`; the first of each design is the reference.
"""

from __future__ import annotations

from collections.abc import Mapping

from .settings import Changes

Design = tuple[str, str, str, Mapping[str, Changes]]  # name, question, explanation, arms

_FEATURES: Changes = {
    "lander.inputs": "features",
    "lander.conv": "gcn",
    "lander.layers": 1,
    "lander.hidden": 64,
    "training.projections": (1.0,),  # a model that reads features is bound to their dimension
}
_TEACHER: Changes = {"training.policy": "teacher", "training.levels": (2, 3, 4)}
_PUBLISHED: Changes = {
    **_FEATURES,
    **_TEACHER,
    "training.ks": (9, 4, 2),
    "training.optimizer": "sgd",
    "training.learning_rate": 1e-2,
    "training.weight_decay": 1e-5,
    "training.weigh_by": "levels",
    "training.loss.links": "denser",
    "inference.k": 9,
    "inference.search": "identity",
    "inference.decoder": "tree-strict",
    "inference.complete_lists": True,
}


DESIGNS: tuple[Design, ...] = (
    (
        "learning",
        "What is learned at all?",
        "The same graph, decode, levels and choice of tau with raw similarity in place of linkage: what LANDER must "
        "beat.",
        {"learned": {}, "raw similarity": {"models": "none"}},
    ),
    (
        "hierarchy",
        "Does the hierarchy help?",
        "The paper's Hi-LANDER against LANDER, which is level 0 alone. One training; tau is chosen again for each "
        "number of levels.",
        {
            "all levels": {},
            "1 level": {"use.max_levels": 1},
            "2 levels": {"use.max_levels": 2},
            "3 levels": {"use.max_levels": 3},
        },
    ),
    (
        "joint",
        "One model for links and density, or two?",
        "Earlier methods (GCN-V and GCN-E) train a network for density and another for links; the paper trains one "
        "for both and reports better scores for less compute. Two models: one trained on links alone, one on density "
        "alone.",
        {
            "joint": {},
            "two models": {"models": "separate"},
            "links alone": {"training.loss.density_weight": 0.0},
            "density a third": {"training.loss.density_weight": 0.3},
        },
    ),
    (
        "density",
        "What does density do in the decode?",
        "A node may only link to a denser one. Density predicted by the model, or plain mean similarity, or none: "
        "every node keeps its best link whichever end is denser. One training.",
        {
            "predicted": {},
            "mean similarity": {"use.density": "similarity"},
            "none": {"use.decoder": "best-links"},
        },
    ),
    (
        "graph",
        "The whole graph at once, or in subgraphs?",
        "L-GCN judges each image in a subgraph around it; the paper infers once on the whole graph. Here every node "
        "of level 0 is judged in its subgraph of 1 or 2 steps, and the answers are merged. Look at seconds, too. One "
        "training.",
        {"whole": {}, "2 steps": {"use.hops": 2}, "1 step": {"use.hops": 1}},
    ),
    (
        "convolution",
        "Which convolution?",
        "The paper's code uses a graph convolution for faces and attention (GAT) for species; the default here is "
        "gated.",
        {"gated": {}, "gcn": {"lander.conv": "gcn"}, "gat": {"lander.conv": "gat"}},
    ),
    (
        "depth",
        "How many convolutions?",
        "All published runs have one.",
        {"2 layers": {}, "1 layer": {"lander.layers": 1}, "3 layers": {"lander.layers": 3}},
    ),
    (
        "width",
        "How wide?",
        "Published: 512, for features of 128 or 512 dimensions.",
        {"32": {}, "8": {"lander.hidden": 8}, "64": {"lander.hidden": 64}},
    ),
    (
        "inputs",
        "What does a node read?",
        "Published: the features themselves, of the peak (identity), of the whole cluster (average), or both. The "
        "default reads structure only. Those that read features have one graph convolution, as published.",
        {
            "structure": {},
            "identity and average": _FEATURES,
            "identity": {**_FEATURES, "lander.average": False},
            "average": {**_FEATURES, "lander.identity": False},
        },
    ),
    (
        "search",
        "By what do super-nodes look for neighbours?",
        "Published: by their peaks' features; the default: by the average features of all their images.",
        {"average": {}, "identity": {"inference.search": "identity"}},
    ),
    (
        "neighbours",
        "How many neighbours?",
        "k where the model is used; it was trained with k of 3, 5 and 10. Published: 9. One training.",
        {"10": {}, "5": {"use.k": 5}, "20": {"use.k": 20}},
    ),
    (
        "training-k",
        "Graphs of several k in training?",
        "Published: three; a small k leaves more super-nodes per class, as larger classes do.",
        {"10, 5, 3": {}, "10": {"training.ks": (10,)}},
    ),
    (
        "tau",
        "A fixed threshold?",
        "The article fixes tau at .8 for faces and .1 for species. Here it is chosen on held-out classes. One "
        "training.",
        {"chosen": {}, **{str(tau): {"tau": tau} for tau in (0.1, 0.5, 0.7, 0.8, 0.9)}},
    ),
    (
        "policy",
        "Who builds the training levels?",
        "Published: a teacher that decodes with the true density. Default: the model itself, again and again.",
        {"on-policy": {}, "teacher": _TEACHER},
    ),
    (
        "loss",
        "Which link loss?",
        "Published: cross entropy on balanced links to denser neighbours; focal loss as an option of the official "
        "code.",
        {
            "all, balanced": {},
            "not balanced": {"training.loss.balanced": False},
            "focal, balanced": {"training.loss.gamma": 2.0},
            "focal, not balanced": {"training.loss.gamma": 2.0, "training.loss.balanced": False},
            "denser, balanced": {"training.loss.links": "denser"},
        },
    ),
    (
        "weighing",
        "What counts the same: every link or every level?",
        "Published: every level, so a tiny upper one weighs as much as level 0.",
        {"links": {}, "levels": {"training.weigh_by": "levels"}},
    ),
    (
        "projections",
        "Features projected at random in training?",
        "Not in the paper: projected classes overlap as unseen ones do.",
        {"projected": {}, "not projected": {"training.projections": (1.0,)}},
    ),
    (
        "classes",
        "How many meta-training classes?",
        "The paper trains on thousands of identities or species.",
        {"all": {}, "half": {"classes": 0.5}, "a quarter": {"classes": 0.25}},
    ),
    (
        "images",
        "How many images of each meta-training class?",
        "All classes, a share of their images.",
        {"all": {}, "half": {"images": 0.5}, "a quarter": {"images": 0.25}},
    ),
    (
        "encoder",
        "May the encoder have seen the meta-training classes?",
        "In the paper encoder and LANDER share their training classes, so LANDER learns on features that are better "
        "than those it will meet. Here: an encoder of other classes, or one of the meta-training classes.",
        {"other classes": {}, "same classes": {"features": "same classes"}},
    ),
    (
        "stop",
        "The early stop?",
        "A rule of some published commands: stop when links do not shrink by the factor k. One training.",
        {"off": {}, "on": {"use.early_stop": True}},
    ),
    (
        "ties",
        "Equal densities?",
        "Official: strictly denser only; the default breaks ties by index and joins exact duplicates. One training.",
        {"by index": {}, "strict": {"use.decoder": "tree-strict"}},
    ),
    (
        "recipe",
        "The published recipe as a whole?",
        "Features as inputs, one graph convolution, teacher's levels, SGD; width 64 and the base's epochs.",
        {"default": {}, "published": _PUBLISHED},
    ),
)
