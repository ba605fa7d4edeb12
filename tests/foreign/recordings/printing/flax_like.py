"""In the manner of trainings with JAX: the epoch, metrics as a dictionary or with commas."""

from _small import Softmax, tell

model = Softmax(0.2)
for epoch in range(1, 5):
    loss = model.epoch()
    tested, accuracy = model.test()
    print(
        f"epoch: {epoch:3d}, train_loss: {loss:.4f}, train_accuracy: {100 * accuracy - 1:.2f}, "
        f"test_loss: {tested:.4f}, test_accuracy: {100 * accuracy:.2f}"
    )
tell(
    metrics={
        "train_loss": round(loss, 4),
        "train_accuracy": round(100 * accuracy - 1, 2),
        "test_loss": round(tested, 4),
        "test_accuracy": round(100 * accuracy, 2),
    },
    epoch=4,
)
