"""The words of trainings, as people print them in their languages."""

from __future__ import annotations


def _words(*languages: str) -> frozenset[str]:
    return frozenset(word for language in languages for word in language.split())


EPOCH = _words(
    "epoch ep",
    "epoche époque époch época epoca epok epoka epocha",
    "эпоха эпохи эпох",
    "에폭 에포크 에포치",
    "エポック 轮次 輪次 训练轮 周期",
)
#: Parts of an epoch, and what is counted where nobody speaks of epochs.
STEP = _words(
    "step iter it iteration itr batch minibatch mini-batch update timestep round episode trial fold generation",
    "schritt runde étape etape itération épisode lot paso iteración episodio lote passo iterazione iteração",
    "шаг итерация батч раунд эпизод",
    "스텝 단계 반복 배치 이터레이션 라운드 에피소드",
    "ステップ イテレーション 反復 バッチ ラウンド エピソード 步骤 步数 步 迭代 批次 回合",
)
#: The same behind the number: 第 3/10 轮.
EPOCH_BEHIND = _words("epoch epochs 轮 輪 个epoch エポック エポック目 회차")
STEP_BEHIND = _words(
    "step steps iteration iterations iter iters batch batches round rounds 步 次迭代 批 回合 回目 ステップ目"
)

#: Measured by trainings and by nothing else, so that no counter has to stand beside them.
OF_TRAINING = _words(
    "loss losses lr acc accuracy f1 auc auroc rmse mae mse logloss ppl perplexity bleu miou iou dice nll elbo reward",
    "verlust genauigkeit perte pérdida",
    "потери точность",
    "손실 정확도 보상 학습률",
    "損失 正解率 学習率 损失 准确率 学习率 奖励",
)
#: Measured by trainings, and words of others, too.
MEASURED = OF_TRAINING | _words(
    "top fscore auprc ap map mape rmsle error err rouge rougel wer cer psnr ssim fid kl xent bpc bpd rew return score",
    "cost fitness precision recall specificity sensitivity entropy r2 r² mcc kappa ndcg mrr inertia residual objective",
    "energy likelihood deviance gnorm mfu val value advantage regret",
    "précision exactitude perdida precisión exactitud perdita accuratezza perda acurácia precisão",
    "потеря ошибка награда",
    "오차 정밀도 재현율",
    "精度 誤差 報酬 適合率 再現率 准确度 精确率 召回率 误差",
)
MEASURED_PAIRS = (
    *("learning rate", "grad norm", "f1 score", "hit rate", "success rate", "error rate", "log likelihood", "mean ap"),
    *("taux d'apprentissage", "tasa de aprendizaje", "скорость обучения"),
)
#: Phases that only trainings have.
PHASES = _words("train training val valid validation test testing eval evaluation dev best")
VALIDATION = _words("val valid validation test testing eval evaluation")

#: What a key ends with that is a time, a size, a rate, a count or a place, not what a training measures.
NOT_MEASURED = _words(
    "time times data datatime elapsed duration dur took eta remaining left sec secs second seconds ms us s min mins",
    "minute minutes hour hours date timestamp ts runtime wait waited",
    "memory mem ram vram gpu cpu rss swap size sizes byte bytes width height depth channels dim",
    "progress percent fps speed throughput rate hz qps rps tps wps ups",
    "frame frames sample samples token tokens image images imgs img example examples instances sent sents words",
    "n nb num number count counts total wpb bsz updates retry retries attempt attempts patience params parameters",
    "layers layer classes class",
    "epoch epochs step steps iter iters iteration iterations batch batches line lines group level code status exit",
    "seed pid rank port version id ids gpus device devices node nodes file files",
    "from to of by at with until after before every than",
    "zeit speicher größe temps mémoire taille tiempo memoria tamaño время память",
    "시간 메모리 크기 속도",
    "時間 メモリ 速度 时间 内存 显存 耗时 用时",
)
#: With one of these before it, a number is how many there will be or were, not where the training is.
NOT_NOW = _words(
    "best last max min num nb n total warmup start starting first final save eval log logging every per from resume",
    "resuming patience each until next",
)
