"""torch.utils.tensorboard: scalars in both forms, and all that is no scalar between them; a file that was cut off."""

from pathlib import Path

import numpy as np
from _want import accuracy, loss, single, want
from torch.utils.tensorboard import SummaryWriter

chance = np.random.default_rng(0)
with SummaryWriter("tensorboard_torch") as writer:
    writer.add_text("notes", "the first try, **not** tuned", 0)
    for step in range(50):
        writer.add_scalar("loss/train", loss(step), step)
        if step % 10 == 9:
            writer.add_scalar("accuracy/valid", accuracy(step), step, new_style=True)
            writer.add_scalar("lr", 0.1 / (step + 1), step, new_style=True, double_precision=True)
            writer.add_histogram("weights", chance.normal(size=50), step)
            writer.add_image("picture", chance.random((3, 6, 6)), step)
            writer.add_pr_curve("curve", chance.integers(0, 2, 20), chance.random(20), step, 5)
    writer.add_embedding(chance.random((5, 3)))
for projected in sorted(Path("tensorboard_torch").rglob("*"), reverse=True):
    if "tfevents" not in projected.name:
        projected.rmdir() if projected.is_dir() else projected.unlink()
metrics = {
    "loss/train": [[step, single(loss(step))] for step in range(50)],
    "accuracy/valid": [[step, single(accuracy(step))] for step in range(9, 50, 10)],
    "lr": [[step, 0.1 / (step + 1)] for step in range(9, 50, 10)],
}
want(
    "tensorboard_torch", metrics, note="lr is in 64 bits, in tensor form; accuracy in tensor form, loss a simple_value"
)

whole = next(Path("tensorboard_torch").iterdir()).read_bytes()
begin = whole.index(b"loss/train")
for _ in range(12):
    begin = whole.index(b"loss/train", begin + 1)
Path("tensorboard_cut").mkdir()
Path("tensorboard_cut/events.out.tfevents.1").write_bytes(whole[: begin + 12])
found = {name: [point for point in points if point[0] < 12] for name, points in metrics.items()}
want("tensorboard_cut", found, note="ends within the record of step 12, as a file that is being written can")

with SummaryWriter("tensorboard_torch_hparams") as writer:
    writer.add_hparams(
        {"lr": 0.1, "batch": 32, "optimizer": "adam", "nesterov": True}, {"hparam/accuracy": 0.9}, run_name="tuned"
    )
    writer.add_scalars("both", {"train": 0.5, "valid": 0.75}, 1)
want(
    "tensorboard_torch_hparams",
    {"tuned/hparam/accuracy": [[0, single(0.9)]], "both_train/both": [[1, 0.5]], "both_valid/both": [[1, 0.75]]},
    {"lr": 0.1, "batch": 32.0, "optimizer": "adam", "nesterov": True},
    "add_hparams and add_scalars write folders of their own, here before each name",
)
