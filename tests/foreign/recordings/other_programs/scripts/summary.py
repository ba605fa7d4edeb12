"""Tables of a model's layers, as Keras, torchinfo and Lightning draw them before a training; there is no training."""

LAYERS = [
    ("conv1", "Conv2D", (64, 112, 112), 9408),
    ("bn1", "BatchNorm2D", (64, 112, 112), 128),
    ("layer1", "Sequential", (64, 56, 56), 147968),
    ("layer2", "Sequential", (128, 28, 28), 525568),
    ("layer3", "Sequential", (256, 14, 14), 2099712),
    ("layer4", "Sequential", (512, 7, 7), 8393728),
    ("dropout", "Dropout", (512,), 0),
    ("fc", "Linear", (1000,), 513000),
]
TOTAL = sum(parameters for *_, parameters in LAYERS)

print('Model: "sequential"')
print("_" * 65)
print(" Layer (type)                Output Shape              Param #   ")
print("=" * 65)
for name, kind, shape, parameters in LAYERS:
    print(f" {f'{name} ({kind})':<28}{('None', *shape)!s:<26}{parameters:<10}\n")
print("=" * 65)
print(
    f"Total params: {TOTAL} ({TOTAL * 4 / 2**20:.2f} MB)\nTrainable params: {TOTAL}"
    "\nNon-trainable params: 0 (0.00 Byte)"
)
print("_" * 65)

print("=" * 90)
print(f"{'Layer (type:depth-idx)':<40}{'Output Shape':<25}{'Param #':<15}")
print("=" * 90)
for index, (_, kind, shape, parameters) in enumerate(LAYERS, 1):
    print(
        f"├─{kind}: 1-{index:<30}{[-1, *shape]!s:<25}{parameters or '--':,}" if parameters else f"├─{kind}: 1-{index}"
    )
print("=" * 90)
print(f"Total params: {TOTAL:,}\nTrainable params: {TOTAL:,}\nNon-trainable params: 0\nTotal mult-adds (G): 1.81")
print("=" * 90)
print(
    "Input size (MB): 0.60\nForward/backward pass size (MB): 39.75\nParams size (MB): 46.76"
    "\nEstimated Total Size (MB): 87.11"
)

print("  | Name    | Type        | Params | Mode \n" + "-" * 44)
for index, (name, kind, _, parameters) in enumerate(LAYERS):
    print(f"{index} | {name:<7} | {kind:<11} | {parameters / 1000:.1f} K | train")
print("-" * 44)
print(f"{TOTAL / 1e6:.1f} M    Trainable params\n0         Non-trainable params")
print(f"{TOTAL * 4 / 1e6:.3f}    Total estimated model params size (MB)")
print("ResNet(")
for name, kind, shape, _ in LAYERS:
    print(f"  ({name}): {kind}({shape[0]}, eps=1e-05, momentum=0.1, p=0.5)")
print(")")
