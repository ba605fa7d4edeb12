"""The words by which a line is known: what counts, what is measured by a training, and what is no measurement of one."""

from __future__ import annotations

import re

#: Words for an epoch, in the languages in which people print them.
EPOCH = (
    r"epoch|epoche|époque|époch|época|epoca|epok|epoka|epocha|эпоха|эпохи|에폭|에포크|에포치|에폭스|エポック|エポッ|轮次|輪次|"
    r"训练轮|周期|ep"
)
#: Words for a part of an epoch, or for what is counted where nobody speaks of epochs.
STEP = (
    r"step|iter|iteration|itr|batch|minibatch|mini-batch|update|timestep|round|episode|trial|fold|generation|"
    r"schritt|étape|etape|itération|lot|époque|paso|iteración|lote|passo|iterazione|iteração|шаг|итерация|батч|"
    r"раунд|эпизод|runde|episodio|épisode|스텝|단계|반복|배치|이터레이션|라운드|에피소드|"
    r"ステップ|イテレーション|反復|バッチ|ラウンド|エピソード|步骤|步数|步|迭代|批次|回合"
)
#: Behind the number: 第 3/10 轮.
BEHIND = {"epoch": r"轮|輪|个epoch|エポック|회차", "step": r"步|次迭代|批|回合|回目"}

_MEASURED = (
    r"loss|losses|lr|acc|accuracy|top1|top5|acc1|acc5|f1|fscore|auc|auroc|auprc|ap|map|miou|iou|dice|mse|rmse|mae|mape|rmsle|"
    r"logloss|error|err|ppl|perplexity|bleu|rouge|rougel|wer|cer|psnr|ssim|fid|kl|elbo|nll|xent|bpc|bpd|reward|rew|"
    r"return|score|fitness|precision|recall|specificity|sensitivity|entropy|r2|r²|mcc|kappa|ndcg|mrr|inertia|"
    r"residual|objective|energy|likelihood|deviance|grad_norm|gnorm|mfu|val|value|advantage|regret|"
    r"verlust|genauigkeit|perte|précision|exactitude|pérdida|perdida|precisión|exactitud|perdita|accuratezza|perda|"
    r"acurácia|precisão|потеря|потери|точность|ошибка|награда|"
    r"손실|정확도|오차|보상|학습률|정밀도|재현율|"
    r"損失|正解率|精度|誤差|報酬|学習率|適合率|再現率|损失|准确率|准确度|精确率|召回率|奖励|学习率|误差"
)
#: Such that no other program speaks of, so that no counter has to stand beside them.
_TRAINING_ONLY = (
    r"loss|losses|lr|acc|accuracy|f1|auc|auroc|rmse|mae|mse|logloss|ppl|perplexity|bleu|miou|iou|dice|nll|elbo|reward|"
    r"손실|정확도|보상|학습률|損失|正解率|学習率|损失|准确率|学习率|奖励|verlust|genauigkeit|perte|pérdida|потери|точность"
)
_PAIRS = (
    r"learning rate|grad norm|f1 score|hit rate|success rate|error rate|log likelihood|mean ap|fehler rate|taux d'apprentissage|"
    r"tasa de aprendizaje|скорость обучения"
)

#: What a key ends with that is a time, a size, a rate or a count, not what a training measures.
_NOT_MEASURED = frozenset(
    "time data datatime times elapsed duration dur took eta remaining left total_time sec secs second seconds ms us min mins "
    "minute minutes hour hours date timestamp ts s memory mem ram vram gpu_mem gpu cpu rss swap fps speed throughput "
    "rate hz qps rps tps size sizes seed pid rank port version id ids sample samples token tokens image images imgs img example "
    "examples sent sents words count counts total num number line lines epoch epochs step steps iter iters iteration "
    "iterations batch batches worker workers gpus devices device node nodes files file bytes params parameters "
    "width height depth channels dim layers layer classes class group level code status exit from to of by at with "
    "until after before every than patience wps ups wpb bsz n nb updates runtime zeit speicher größe temps mémoire taille tiempo memoria tamaño время память "
    "시간 메모리 크기 속도 時間 メモリ 速度 时间 内存 显存 耗时 用时".split()
)
_SOURCE_FILE = re.compile(r"\.(?:py|ipynb|c|cc|cpp|cu|h|go|rs|js|ts|java|log|txt|json|ya?ml|sh|pt|pth|csv|jl|r)$", re.IGNORECASE)

_WORD = re.compile(r"[^\W_]+(?:@[\d.]+)?")
#: acc1, Acc@5, mAP50, loss2; but F10 is a key.
_NUMBERED = r"(?<!f1)(?:@[\d.:]+|\d{1,4})?"
_MEASURED_WORD = re.compile(rf"(?:{_MEASURED}){_NUMBERED}", re.IGNORECASE)
_TRAINING_WORD = re.compile(rf"(?:{_TRAINING_ONLY}){_NUMBERED}", re.IGNORECASE)
_MEASURED_PAIR = re.compile(rf"(?<![^\W_])(?:{_PAIRS})(?![^\W_])", re.IGNORECASE)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
#: Units of time, memory and rate behind a number.
UNIT = re.compile(
    r"\s?(?:[mµun]?s|secs?|seconds?|mins?|minutes?|hours?|hrs?|h|days?|[kKMGT]?i?B(?:ytes)?|bytes?|[MG]|[kMG]?Hz|°?C|W|"
    r"초|분|시간|秒|分|[\w ]{0,12}/ ?(?:s|sec|second|step|it|iter|epoch|sample|batch|초|秒)\w*|fps|it|tok)(?![\w%])"
)
#: Words that lead to a key and are not of it.
_LEADING = re.compile(
    r"^(?:(?:and|with|the|has|have|a|an|is|was|had|got|reached|und|mit|et|avec|y|con|и)\s+)+", re.IGNORECASE
)


def key_of(text: str) -> str:
    """The name of a value as it was printed, without what only leads to it."""
    return _LEADING.sub("", text.strip(" \t-–—*#>•·'\"")).strip()


def _words(key: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(_CAMEL.sub(" ", key))]


def is_measured(key: str) -> bool:
    """Whether a training measures something of this name."""
    spaced = key.replace("_", " ").replace("-", " ")
    return _MEASURED_PAIR.search(spaced) is not None or any(map(_MEASURED_WORD.fullmatch, _words(key)))


def ends_measured(key: str) -> bool:
    """Whether the name ends with what is measured, so that nothing but a blank need be between it and its value."""
    words = _words(key)
    spaced = " ".join(words[-2:])
    return bool(words) and bool(_MEASURED_WORD.fullmatch(words[-1]) or _MEASURED_PAIR.fullmatch(spaced))


def is_of_training(key: str) -> bool:
    """Whether no other program than a training speaks of it."""
    spaced = key.replace("_", " ").replace("-", " ").lower()
    return _MEASURED_PAIR.search(spaced) is not None or any(map(_TRAINING_WORD.fullmatch, _words(key)))


def is_setting(key: str) -> bool:
    """Whether the name may be that of a setting, too."""
    return "lr" in _words(key) or "learning" in key.lower()


def is_no_measurement(key: str) -> bool:
    """Whether the name is that of a time, a size, a rate, a count or a place in a program."""
    if _SOURCE_FILE.search(key):
        return True
    bare = re.sub(r"\s*\([^)]*\)$", "", key).lower()
    unit = key[len(bare) :].strip(" ()").lower()
    parts = re.split(r"[\s_./-]+", bare)
    last = parts[-1]
    if parts[0] in ("num", "number", "nb", "n") and len(parts) > 1:
        return True
    learning = bare.replace("_", " ").endswith(("learning rate", "error rate", "success rate", "hit rate"))
    return not learning and (last in _NOT_MEASURED or bare in _NOT_MEASURED or unit in _NOT_MEASURED)


#: Words of which one stands in every line that says something.
_COUNTS = frozenset(f"{EPOCH}|{STEP}".replace("-", "|").split("|"))
_ALL = _COUNTS | {f"{word}s" for word in _COUNTS} | frozenset(f"{_TRAINING_ONLY}|learning".split("|"))
_PIECE = re.compile(r"[A-Z]?[a-z]+|[A-Z]+")
_LETTERED = re.compile(rf"(?<![^\W_])(?:{_TRAINING_ONLY}|learning rate)|{EPOCH}|{STEP}|{'|'.join(BEHIND.values())}", re.IGNORECASE)


def may_speak_of_training(text: str) -> bool:
    """Whether a word stands in the text without which no line says anything: a quick look."""
    if not text.isascii():
        return _LETTERED.search(text) is not None
    return not _ALL.isdisjoint(map(str.lower, _PIECE.findall(text))) or "F1" in text or "f1" in text
