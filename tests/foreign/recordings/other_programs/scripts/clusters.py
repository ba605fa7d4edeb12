"""A cluster of dask on this machine, and a solver of ortools, each with its log."""

import logging
import sys


def dask() -> None:
    from distributed import Client, LocalCluster

    cluster = LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None, silence_logs=logging.DEBUG)
    with cluster, Client(cluster) as client:
        for step, answer in enumerate(client.gather(client.map(lambda n: n / 7, range(12)))):
            print(f"answer {step}/12: {answer:.4f}")
        print(client)
        print(client.scheduler_info()["workers"])


def ortools() -> None:
    from ortools.sat.python import cp_model

    model = cp_model.CpModel()
    chosen = [model.new_int_var(0, 9, f"x{i}") for i in range(30)]
    for k in range(1, 7):
        model.add(sum(((i * k * 7) % 10 + 1) * x for i, x in enumerate(chosen)) <= 200 + 31 * k)
    model.maximize(sum((3 + (i * 37) % 11) * x for i, x in enumerate(chosen)))
    solver = cp_model.CpSolver()
    solver.parameters.log_search_progress = True
    solver.parameters.num_workers = 1
    solver.parameters.max_time_in_seconds = 4
    solver.solve(model)


if __name__ == "__main__":
    {"dask": dask, "ortools": ortools}[sys.argv[1]]()
