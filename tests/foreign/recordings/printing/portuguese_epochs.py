"""Plain prints in Portuguese."""

from _small import Softmax, tell

EPOCHS = 5
model = Softmax(0.2)
for epoch in range(1, EPOCHS + 1):
    loss = model.epoch()
    tested, accuracy = model.test()
    print(f"Época {epoch} de {EPOCHS} | perda = {loss:.4f} | perda_val = {tested:.4f} | acurácia = {accuracy:.4f}")
tell(
    metrics={
        "perda": round(loss, 4),
        "perda_val": round(tested, 4),
        "acurácia": round(accuracy, 4),
    },
    epoch=epoch,
    fraction=epoch / EPOCHS,
)
