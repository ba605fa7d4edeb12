"""gensim: word2vec, with logging on."""

import logging
import random

from _small import tell
from gensim.models import Word2Vec

logging.basicConfig(format="%(asctime)s : %(levelname)s : %(message)s", level=logging.INFO)
random.seed(0)
words = [f"w{number}" for number in range(400)]
sentences = [random.choices(words, weights=range(1, 401), k=20) for _ in range(20000)]
Word2Vec(sentences, vector_size=100, window=8, min_count=1, workers=1, epochs=3, seed=0)
tell(
    metrics={},
    epoch=2,
    note="no quality is said; 'at 98.27% examples' is the part of an epoch that is done; epochs count from 0",
)
