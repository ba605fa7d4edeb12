"""spaCy: `spacy train` for names in made sentences, on a small configuration."""

import json
import random
import sys
from pathlib import Path

import spacy
from _small import tell
from spacy.cli import app
from spacy.tokens import DocBin

CONFIG = """
[paths]
train = "train.spacy"
dev = "dev.spacy"
[nlp]
lang = "en"
pipeline = ["tok2vec","ner"]
batch_size = 100
[components]
[components.tok2vec]
factory = "tok2vec"
[components.tok2vec.model]
@architectures = "spacy.HashEmbedCNN.v2"
width = 32
depth = 1
embed_size = 200
window_size = 1
maxout_pieces = 2
subword_features = true
pretrained_vectors = null
[components.ner]
factory = "ner"
[components.ner.model]
@architectures = "spacy.TransitionBasedParser.v2"
state_type = "ner"
extra_state_tokens = false
hidden_width = 32
maxout_pieces = 2
use_upper = true
[components.ner.model.tok2vec]
@architectures = "spacy.Tok2VecListener.v1"
width = ${components.tok2vec.model.width}
[corpora]
[corpora.train]
@readers = "spacy.Corpus.v1"
path = ${paths.train}
[corpora.dev]
@readers = "spacy.Corpus.v1"
path = ${paths.dev}
[training]
gpu_allocator = null
seed = 0
max_steps = 60
eval_frequency = 10
dev_corpus = "corpora.dev"
train_corpus = "corpora.train"
[training.logger]
@loggers = "spacy.ConsoleLogger.v3"
progress_bar = null
console_output = true
output_file = "log.jsonl"
"""


def documents(count, seed):
    """Sentences that say who went where."""
    chance, nlp, found = random.Random(seed), spacy.blank("en"), DocBin()
    people, places = ["Anna", "Bert", "Clara", "David"], ["Berlin", "Seoul", "Lyon", "Porto"]
    for _ in range(count):
        who, where, verb = chance.choice(people), chance.choice(places), chance.choice(["went", "moved", "flew"])
        document = nlp(f"{who} {verb} to {where} today .")
        document.ents = [document.char_span(0, len(who), "PERSON"), spacy.tokens.Span(document, 3, 4, "GPE")]
        found.add(document)
    return found


documents(120, 0).to_disk("train.spacy")
documents(40, 1).to_disk("dev.spacy")
Path("config.cfg").write_text(CONFIG)
sys.argv = ["spacy", "train", "config.cfg", "--output", "model"]
app(standalone_mode=False)
last = json.loads(Path("log.jsonl").read_text().splitlines()[-1])
losses = {f"LOSS {name.upper()}": round(value, 2) for name, value in last["losses"].items()}
scores = {name: round(last["scores"][name.lower()], 2) for name in ("ENTS_F", "ENTS_P", "ENTS_R")}
tell(metrics=losses | scores | {"SCORE": round(last["score"], 2)}, epoch=last["epoch"], step=last["step"])
