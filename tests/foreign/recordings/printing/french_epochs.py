"""Plain prints in French, with commas for points and a space before each colon."""

from _small import Softmax, tell

EPOCHS = 5
model = Softmax(0.2)
for epoch in range(1, EPOCHS + 1):
    loss = model.epoch()
    tested, accuracy = model.test()
    print(
        f"Époque {epoch}/{EPOCHS} perte : {loss:.4f} perte de validation : {tested:.4f} "
        f"précision : {100 * accuracy:.1f} %".replace(".", ",")
    )
tell(
    metrics={
        "perte": round(loss, 4),
        "perte de validation": round(tested, 4),
        "précision": round(100 * accuracy, 1),
    },
    epoch=epoch,
    fraction=epoch / EPOCHS,
)
