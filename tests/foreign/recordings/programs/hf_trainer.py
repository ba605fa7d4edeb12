"""HF Trainer: a small BERT from a configuration, evaluation after each epoch."""

from __future__ import annotations

import torch
from _data import tell_truth, work
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerCallback, TrainingArguments

EPOCHS = 3


class Sentences(torch.utils.data.Dataset):
    """Random tokens; the label is whether the first is in the lower half."""

    def __init__(self, count: int, seed: int):
        generator = torch.Generator().manual_seed(seed)
        self.ids = torch.randint(0, 100, (count, 12), generator=generator)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        ids = self.ids[index]
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": int(ids[0] < 50)}


class Slow(TrainerCallback):
    """Steps that take a while, as those of a bigger network do."""

    def on_step_end(self, *_, **__):
        work(0.05)

    def on_prediction_step(self, *_, **__):
        work(0.03)


torch.manual_seed(0)
config = BertConfig(
    vocab_size=100, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, num_labels=2
)
trainer = Trainer(
    BertForSequenceClassification(config),
    TrainingArguments(
        "out",
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=8,
        logging_steps=10,
        eval_strategy="epoch",
        save_strategy="no",
        learning_rate=1e-3,
        report_to=[],
        use_cpu=True,
    ),
    train_dataset=Sentences(320, 0),
    eval_dataset=Sentences(80, 1),
    callbacks=[Slow()],
)
trainer.train()
history = trainer.state.log_history
metrics = {}
for entry in history:
    metrics.update({name: value for name, value in entry.items() if name in ("loss", "eval_loss", "train_loss")})
tell_truth(library="transformers", epochs=EPOCHS, steps=40, metrics=metrics)
