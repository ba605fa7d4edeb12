"""A visitor for locust."""

from locust import HttpUser, constant, task


class Visitor(HttpUser):
    wait_time = constant(0.3)

    @task(3)
    def index(self) -> None:
        self.client.get("/")

    @task
    def missing(self) -> None:
        self.client.get("/missing")
