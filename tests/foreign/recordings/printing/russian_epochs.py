"""Plain prints in Russian; stopped after the fourth."""

from _small import Softmax, tell

EPOCHS = 5
model = Softmax(0.2)
for epoch in range(1, EPOCHS + 1):
    loss = model.epoch()
    tested, accuracy = model.test()
    print(f"Эпоха {epoch}/{EPOCHS}, потери: {loss:.4f}, потери на валидации: {tested:.4f}, точность: {accuracy:.2%}")
    if epoch == 4:
        break
tell(
    metrics={
        "потери": round(loss, 4),
        "потери на валидации": round(tested, 4),
        "точность": round(100 * accuracy, 2),
    },
    epoch=epoch,
    fraction=epoch / EPOCHS,
)
