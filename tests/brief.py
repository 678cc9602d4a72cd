"""The settings of a training of a few steps, for tests of ablations."""

from workbench.experiments.ablation import Settings

BRIEF = (
    Settings()
    .change("training.epochs", 4)
    .change("training.validate", 4)
    .change("training.projections", (1.0,))
    .change("lander.hidden", 8)
)
