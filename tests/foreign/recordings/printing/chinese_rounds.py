"""Plain prints in Chinese."""

from _small import Softmax, tell

EPOCHS = 5
model = Softmax(0.2)
for epoch in range(1, EPOCHS + 1):
    loss = model.epoch()
    tested, accuracy = model.test()
    print(f"第 {epoch}/{EPOCHS} 轮 损失: {loss:.4f} 验证损失: {tested:.4f} 准确率: {accuracy:.2%}")
tell(
    metrics={
        "损失": round(loss, 4),
        "验证损失": round(tested, 4),
        "准确率": round(100 * accuracy, 2),
    },
    epoch=epoch,
    fraction=epoch / EPOCHS,
)
