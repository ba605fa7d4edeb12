"""fastprogress: a master bar with a bar in it."""

import time

from fastprogress.fastprogress import master_bar, progress_bar

epochs = master_bar(range(3))
for epoch in epochs:
    for batch in progress_bar(range(5), parent=epochs):
        time.sleep(0.02)
        epochs.child.comment = f"loss {1 / (epoch * 5 + batch + 1):.3f}"
    epochs.write(f"epoch {epoch} done")
print("trained")
