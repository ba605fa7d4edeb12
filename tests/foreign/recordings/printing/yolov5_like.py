"""A header of names over lines of values, no bar: the manner of older detection trainings."""

from _small import Softmax, tell

EPOCHS = 4
model = Softmax(0.2)
print(("%11s" * 6) % ("Epoch", "gpu_mem", "box", "cls", "Instances", "Size"))
for epoch in range(EPOCHS):
    loss = model.epoch()
    box = loss / 7
    print(("%11s" * 2 + "%11.4g" * 4) % (f"{epoch + 1}/{EPOCHS}", "1.23G", box, loss, 45, 640))
    _, accuracy = model.test()
    print(("%22s" + "%11s" * 6) % ("Class", "Images", "Instances", "P", "R", "mAP50", "mAP50-95"))
    print(
        ("%22s" + "%11i" * 2 + "%11.3g" * 4)
        % ("all", 360, 360, accuracy, accuracy - 0.01, accuracy - 0.02, accuracy / 2)
    )
print("4 epochs completed in 0.003 hours.")
tell(
    metrics={
        "box": float(f"{box:.4g}"),
        "cls": float(f"{loss:.4g}"),
        "P": float(f"{accuracy:.3g}"),
        "R": float(f"{accuracy - 0.01:.3g}"),
        "mAP50": float(f"{accuracy - 0.02:.3g}"),
        "mAP50-95": float(f"{accuracy / 2:.3g}"),
    },
    epoch=EPOCHS,
    fraction=1.0,
)
