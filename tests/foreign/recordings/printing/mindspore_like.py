"""In the manner of MindSpore: its loss monitor and its time monitor."""

from _small import Softmax, tell

model, EPOCHS, STEPS = Softmax(0.2), 3, 22
for epoch in range(1, EPOCHS + 1):
    for step in range(1, STEPS + 1):
        loss = model.step(step - 1)
        if step % 11 == 0:
            print(f"epoch: {epoch} step: {step}, loss is {loss}")
    print("Train epoch time: 1523.123 ms, per step time: 69.233 ms")
accuracy = model.test()[1]
print(f"result: {{'accuracy': {accuracy}}}")
tell(metrics={"loss": loss, "accuracy": accuracy}, epoch=EPOCHS, note="step counts within the epoch")
