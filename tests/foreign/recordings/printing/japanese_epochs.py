"""Plain prints in Japanese."""

from _small import Softmax, tell

EPOCHS = 5
model = Softmax(0.2)
for epoch in range(1, EPOCHS + 1):
    loss = model.epoch()
    tested, accuracy = model.test()
    print(f"エポック {epoch}/{EPOCHS} 損失 {loss:.4f} 検証損失={tested:.4f} 正解率={accuracy:.4f}")
tell(
    metrics={
        "損失": round(loss, 4),
        "検証損失": round(tested, 4),
        "正解率": round(accuracy, 4),
    },
    epoch=epoch,
    fraction=epoch / EPOCHS,
)
