"""Stable-Baselines3: PPO, its table every other round."""

from _small import tell
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback


class Keep(BaseCallback):
    """Keeps what the logger is about to print, which it forgets then."""

    values = {}  # noqa: RUF012 -- one training, one callback

    def _on_training_start(self):
        write = self.logger.dump

        def keep_and_write(step=0):
            self.values.update(self.logger.name_to_value)
            write(step)

        self.logger.dump = keep_and_write

    def _on_step(self):
        return True


model = PPO("MlpPolicy", "CartPole-v1", n_steps=256, batch_size=64, n_epochs=4, verbose=1, seed=0)
model.learn(2048, callback=Keep(), log_interval=2)
counted = "train/n_updates", "train/clip_range"
wanted = {
    name: float(f"{value:.3g}" if isinstance(value, float) else str(value))
    for name, value in Keep.values.items()
    if not name.startswith("time/") and name not in counted
}
tell(metrics=wanted, step=2048)
