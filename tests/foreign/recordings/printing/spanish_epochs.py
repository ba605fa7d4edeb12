"""Plain prints in Spanish."""

from _small import Softmax, tell

EPOCHS = 5
model = Softmax(0.2)
for epoch in range(1, EPOCHS + 1):
    loss = model.epoch()
    tested, accuracy = model.test()
    print(
        f"Época {epoch}/{EPOCHS} - pérdida: {loss:.4f} - pérdida de validación: {tested:.4f} - "
        f"exactitud: {accuracy:.4f}"
    )
tell(
    metrics={
        "pérdida": round(loss, 4),
        "pérdida de validación": round(tested, 4),
        "exactitud": round(accuracy, 4),
    },
    epoch=epoch,
    fraction=epoch / EPOCHS,
)
