"""Plain prints in German, with commas for points; stopped after the third."""

from _small import Softmax, tell

EPOCHS = 5
model = Softmax(0.2)
for epoch in range(1, EPOCHS + 1):
    loss = model.epoch()
    tested, accuracy = model.test()
    print(
        f"Epoche {epoch}/{EPOCHS} - Verlust: {loss:.4f} - Val.-Verlust: {tested:.4f} - "
        f"Genauigkeit: {100 * accuracy:.1f} %".replace(".", ",").replace("Val,", "Val.")
    )
    if epoch == 3:
        break
tell(
    metrics={
        "Verlust": round(loss, 4),
        "Val.-Verlust": round(tested, 4),
        "Genauigkeit": round(100 * accuracy, 1),
    },
    epoch=epoch,
    fraction=epoch / EPOCHS,
)
