"""Tasks of celery, and what asks for them."""

import os
import time

from celery import Celery
from celery.utils.log import get_task_logger

app = Celery("jobs", broker=os.environ["BROKER"], backend=os.environ["BROKER"])
log = get_task_logger(__name__)


@app.task(name="jobs.resize")
def resize(step: int) -> float:
    log.info("picture %d/12: width=%d ratio: %.3f", step, step * 40, step / 7)
    time.sleep(0.05)
    if step == 8:
        raise ValueError("waited 0.25 s")
    return step / 7


if __name__ == "__main__":
    answers = [resize.delay(step) for step in range(1, 13)]
    for answer in answers:
        answer.get(timeout=10, propagate=False)
