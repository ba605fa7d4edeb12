"""HF Trainer with report_to="mlflow", no bar."""

from _tiny_bert import train

train("mlflow")
