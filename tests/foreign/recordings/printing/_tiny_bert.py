"""A tiny BERT from a configuration, trained by HF's Trainer."""

from __future__ import annotations

import torch
from _small import tell
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments


class Sentences(torch.utils.data.Dataset):
    """Random tokens; the label is whether the first is in the lower half."""

    def __init__(self, count: int, seed: int):
        self.ids = torch.randint(0, 100, (count, 12), generator=torch.Generator().manual_seed(seed))

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        ids = self.ids[index]
        return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": int(ids[0] < 50)}


def train(report_to: str, **more: object) -> Trainer:
    """Train for three epochs, with an evaluation after each."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, num_labels=2
    )
    arguments = TrainingArguments(
        "out",
        num_train_epochs=3,
        per_device_train_batch_size=8,
        logging_steps=10,
        eval_strategy="epoch",
        learning_rate=1e-3,
        report_to=report_to,
        use_cpu=True,
        disable_tqdm=True,
        **({"save_strategy": "no"} | more),
    )
    model = BertForSequenceClassification(config)
    trainer = Trainer(model, arguments, train_dataset=Sentences(320, 0), eval_dataset=Sentences(80, 1))
    trainer.train()
    last = {}
    for entry in trainer.state.log_history:
        last.update(entry)
    wanted = "loss", "grad_norm", "learning_rate", "eval_loss", "train_loss"
    tell(metrics={name: float(f"{last[name]:.4g}") for name in wanted}, epoch=3)
    return trainer
