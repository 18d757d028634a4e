"""A run folder opened from Python."""

from moe_lab.errors import RunError
from moe_lab.store.run import Run


class LoadedRun(Run):
    """A run folder that can also give its trained model back. No code of the folder is run: its config is checked
    like a command line, and its checkpoint holds tensors only."""

    def model(self):
        """The trained moe_lab.mixture.Mixture in evaluation mode, on the CPU.

        Raises RunError where the checkpoint is missing or does not belong to the config, ConfigError where the config
        names what moe-lab does not have.
        """
        from moe_lab.config.build import build
        from moe_lab.config.check import check
        from moe_lab.job import Experiment
        from moe_lab.mixture import build_learner
        from moe_lab.training import checkpoint

        check(self.config, Experiment)
        shape, class_names = build(self.config["dataset"]).describe()
        learner = build_learner(self.config, shape, len(class_names), seed_init=0)
        state = checkpoint.load(self.path)
        try:
            learner.load_state_dict(state["learner"])
        except (KeyError, RuntimeError) as error:
            raise RunError(f"{self.path}: the checkpoint does not belong to the config ({error})") from None
        return learner.mixture.eval()
