"""Plain prints in Korean."""

from _small import Softmax, tell

EPOCHS = 5
model = Softmax(0.2)
for epoch in range(1, EPOCHS + 1):
    loss = model.epoch()
    tested, accuracy = model.test()
    print(f"에폭 {epoch}/{EPOCHS} 손실: {loss:.4f} 검증 손실: {tested:.4f} 정확도: {accuracy:.4f}")
tell(
    metrics={
        "손실": round(loss, 4),
        "검증 손실": round(tested, 4),
        "정확도": round(accuracy, 4),
    },
    epoch=epoch,
    fraction=epoch / EPOCHS,
)
