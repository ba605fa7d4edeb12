"""tensorboardX; and TensorBoard's own writer, in folders as Keras makes them and with the form of TensorFlow 2."""

import numpy as np
from _want import accuracy, loss, single, want
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.hparams import summary_v2
from tensorboard.summary import Writer
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorboardX import SummaryWriter

with SummaryWriter("tensorboardx") as writer:
    for step in range(0, 100, 5):
        writer.add_scalar("train/loss", loss(step), step)
        writer.add_scalar("train/acc", np.float64(accuracy(step)), step)
    writer.add_histogram("weights", np.arange(20), 0)
    writer.add_text("notes", "text", 0)
    writer.add_scalar("not/finite", float("nan"), 3)
want(
    "tensorboardx",
    {
        "train/loss": [[step, single(loss(step))] for step in range(0, 100, 5)],
        "train/acc": [[step, single(accuracy(step))] for step in range(0, 100, 5)],
    },
    note="not/finite has one point, NaN, which JSON cannot say",
)

for part, more in (("train", 0), ("validation", 0.05)):
    with_model = EventFileWriter(f"tensorboard_keras/{part}", filename_suffix=".v2")
    if part == "train":
        model = TensorProto(
            dtype="DT_STRING", string_val=[b'{"class_name": "Sequential"}'], tensor_shape=TensorShapeProto()
        )
        plugin = SummaryMetadata.PluginData(plugin_name="graph_keras_model", content=b"1")
        value = Summary.Value(tag="keras", tensor=model, metadata=SummaryMetadata(plugin_data=plugin))
        with_model.add_event(Event(step=0, summary=Summary(value=[value])))
        hparams = summary_v2.hparams_pb({"units": 32, "dropout": 0.5, "optimizer": "adam"}, trial_id="one")
        with_model.add_event(Event(step=0, summary=Summary.FromString(hparams.SerializeToString())))
    with_model.close()
    writer = Writer(f"tensorboard_keras/{part}")
    for epoch in range(10):
        writer.add_scalar("epoch_loss", loss(4 * epoch) + more, epoch)
        writer.add_scalar("epoch_accuracy", accuracy(4 * epoch) - more, epoch, description="of all classes")
    writer.close()
metrics = {}
for part, more in (("train", 0), ("validation", 0.05)):
    metrics[f"{part}/epoch_loss"] = [[epoch, single(loss(4 * epoch) + more)] for epoch in range(10)]
    metrics[f"{part}/epoch_accuracy"] = [[epoch, single(accuracy(4 * epoch) - more)] for epoch in range(10)]
want(
    "tensorboard_keras", metrics, {"units": 32.0, "dropout": 0.5, "optimizer": "adam"}, "the folder is before each name"
)

# TensorFlow puts many values of a step into one event, and a tensor's bytes into tensor_content or into float_val.
writer = EventFileWriter("tensorboard_tensors")
scalars = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="scalars"))
for step in range(10):
    shape, losses = TensorShapeProto(), np.float32(loss(step))
    values = [
        Summary.Value(tag="old", simple_value=loss(step)),
        Summary.Value(
            tag="content", tensor=TensorProto(dtype="DT_FLOAT", tensor_shape=shape, tensor_content=losses.tobytes())
        ),
        Summary.Value(tag="double", tensor=TensorProto(dtype="DT_DOUBLE", tensor_shape=shape, double_val=[loss(step)])),
        Summary.Value(tag="whole", tensor=TensorProto(dtype="DT_INT64", tensor_shape=shape, int64_val=[step * step])),
        Summary.Value(tag="floats", tensor=TensorProto(dtype="DT_FLOAT", tensor_shape=shape, float_val=[losses])),
    ]
    for value in values[1:]:
        if step == 0:
            value.metadata.CopyFrom(scalars)
    vector = TensorProto(dtype="DT_FLOAT", tensor_shape=TensorShapeProto(dim=[{"size": 2}]), float_val=[1, 2])
    values.append(Summary.Value(tag="vector", tensor=vector))
    writer.add_event(Event(step=step, wall_time=1764489600 + step, summary=Summary(value=values)))
writer.close()
points = [[step, single(loss(step))] for step in range(10)]
want(
    "tensorboard_tensors",
    {
        "old": points,
        "content": points,
        "double": [[step, loss(step)] for step in range(10)],
        "whole": [[step, step * step] for step in range(10)],
        "floats": points,
    },
    note="the plugin is named in the first event of a tag only; vector is no scalar",
)
