"""Optuna: a study of five trials."""

import optuna
from _small import Softmax, tell


def objective(trial):
    """Loss on unseen digits with one learning rate."""
    model = Softmax(trial.suggest_float("learning_rate", 1e-3, 1.0, log=True))
    for epoch in range(trial.suggest_int("epochs", 1, 5)):
        model.epoch()
        trial.report(model.test()[0], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return model.test()[0]


study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0), pruner=optuna.pruners.MedianPruner(2))
study.optimize(objective, n_trials=8)
print("Best trial:", study.best_trial.number, "Value:", study.best_value)
finished = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
tell(
    metrics={"value": finished[-1].value},
    step=study.trials[-1].number,
    note="the last trial that finished; learning_rate and epochs are parameters, not measured; step is the trial",
)
