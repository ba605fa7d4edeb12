"""In the manner of PaddlePaddle's high-level API with verbose=2: step n/m, values with spaces and dashes."""

from _small import Softmax, tell

model, EPOCHS, STEPS = Softmax(0.2), 3, 22
print("The loss value printed in the log is the current step, and the metric is the average value of previous steps.")
for epoch in range(1, EPOCHS + 1):
    print(f"Epoch {epoch}/{EPOCHS}")
    for step in range(1, STEPS + 1):
        loss = model.step(step - 1)
        if step % 5 == 0 or step == STEPS:
            accuracy = model.test()[1]
            print(f"step {step:2d}/{STEPS} - loss: {loss:.4f} - acc: {accuracy:.4f} - {12 + step}ms/step")
    print(f"save checkpoint at /tmp/model/{epoch - 1}")
tested, accuracy = model.test()
print("Eval begin...")
print(f"step 6/6 - loss: {tested:.4f} - acc: {accuracy:.4f} - 9ms/step")
print("Eval samples: 360")
tell(metrics={"loss": round(tested, 4), "acc": round(accuracy, 4)}, epoch=EPOCHS, fraction=1.0)
