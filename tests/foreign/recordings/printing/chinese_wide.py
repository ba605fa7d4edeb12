"""Plain prints in Chinese, with its own wide colons and commas."""

from _small import Softmax, tell

EPOCHS = 5
model = Softmax(0.2)
for epoch in range(1, EPOCHS + 1):
    loss = model.epoch()
    tested, accuracy = model.test()
    print(f"轮次 {epoch}/{EPOCHS}，训练损失：{loss:.4f}，测试损失：{tested:.4f}，准确率：{accuracy:.2%}")  # noqa: RUF001 -- so it is written
tell(
    metrics={
        "训练损失": round(loss, 4),
        "测试损失": round(tested, 4),
        "准确率": round(100 * accuracy, 2),
    },
    epoch=epoch,
    fraction=epoch / EPOCHS,
)
