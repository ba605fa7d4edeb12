"""Flower: the log of a server with two clients on this machine, three rounds."""

import multiprocessing
import socket

import flwr as fl
import numpy as np
from _small import Softmax, tell


class Digits(fl.client.NumPyClient):
    """Half of the digits."""

    def __init__(self, half):
        self.model = Softmax(0.2)
        self.model.x, self.model.y = self.model.x[half::2], self.model.y[half::2]

    def get_parameters(self, config):
        return [self.model.weights]

    def fit(self, parameters, config):
        self.model.weights = parameters[0].copy()
        return [self.model.weights], len(self.model.y), {"train_loss": self.model.epoch(11)}

    def evaluate(self, parameters, config):
        self.model.weights = parameters[0].copy()
        loss, accuracy = self.model.test()
        return loss, len(self.model.y_test), {"accuracy": accuracy}


def client(address, half):
    """One client, which says nothing."""
    import logging

    logging.getLogger("flwr").setLevel(logging.CRITICAL)
    fl.client.start_client(server_address=address, client=Digits(half).to_client())


def mean(metrics):
    """The mean over clients of each metric."""
    return {name: float(np.mean([of[name] for _, of in metrics])) for name in metrics[0][1]}


if __name__ == "__main__":
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    clients = [multiprocessing.Process(target=client, args=(address, half), daemon=True) for half in (0, 1)]
    for one in clients:
        one.start()
    history = fl.server.start_server(
        server_address=address,
        config=fl.server.ServerConfig(num_rounds=3),
        strategy=fl.server.strategy.FedAvg(fit_metrics_aggregation_fn=mean, evaluate_metrics_aggregation_fn=mean),
    )
    for one in clients:
        one.join()
    tell(
        metrics={
            "loss": history.losses_distributed[-1][1],
            "train_loss": history.metrics_distributed_fit["train_loss"][-1][1],
            "accuracy": history.metrics_distributed["accuracy"][-1][1],
        },
        epoch=3,
        note="at its end Flower prints the history of each; the round is the epoch here",
    )
