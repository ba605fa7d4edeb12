"""HF Trainer with report_to="tensorboard", no bar: dictionaries, one a log."""

from _tiny_bert import train

train("tensorboard")
