"""Event files by TensorBoard's own writer, and what its own reader finds in one.

    pip install tensorboard
    python tests/report/tensorboard_golden.py > tests/report/tensorboard_golden.json
    python tests/report/tensorboard_golden.py runs/a     # the scalars of the event files in a folder
"""

import io
import json
import sys

import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto import event_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

CASES = [
    {"wallTime": 1.7e9 + 0.5, "step": 1, "values": {"dpoUpdate/loss": 0.6931, "dpoUpdate/rewards/margins": -0.25}},
    {"wallTime": 1.7e9 + 1, "step": 300, "values": {"dpoUpdate/loss": 0.5}},
    {"wallTime": 1.7e9 + 2, "step": 2**40, "values": {"größe": 1e-8}},
    {"wallTime": 1.7e9 + 3, "step": 2**53 - 1, "values": {"x" * 200: 1e30}},
]


def record(event: event_pb2.Event) -> str:
    out = io.BytesIO()
    RecordWriter(out).write(event.SerializeToString())
    return out.getvalue().hex()


def scalars(case: dict) -> str:
    event = event_pb2.Event(wall_time=case["wallTime"], step=case["step"])
    for tag, value in case["values"].items():
        event.summary.value.add(tag=tag, simple_value=value)
    return record(event)


if len(sys.argv) == 1:
    start = record(event_pb2.Event(wall_time=1.7e9, file_version="brain.Event:2"))
    cases = [{**case, "hex": scalars(case)} for case in CASES]
    print(json.dumps({"origin": f"tensorboard {tensorboard.__version__}", "start": {"wallTime": 1.7e9, "hex": start}, "cases": cases}, indent=2))
else:
    events = EventAccumulator(sys.argv[1])
    events.Reload()
    for tag in events.Tags()["scalars"]:
        print(tag, [(scalar.step, scalar.value) for scalar in events.Scalars(tag)])
