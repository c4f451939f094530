"""all-MiniLM-L6-v2 for ONNX Runtime: its graph made from the weights that Engram reads, with the
fusions for BERT of ONNX Runtime's own optimizer."""
import json
import math
import struct
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.transformers import optimizer

LAYERS, HEADS, WIDTH, EPSILON = 6, 12, 384, 1e-12
FUSED = {"Attention": LAYERS, "SkipLayerNormalization": 2 * LAYERS, "BiasGelu": LAYERS}


def make(folder, file):
    """Writes the optimized model; returns how many of each operator were fused."""
    plain = f"{file}.plain"
    onnx.save(Graph(tensors(Path(folder) / "model.safetensors")).model(), plain)
    optimized = optimizer.optimize_model(plain, model_type="bert", num_heads=HEADS,
                                         hidden_size=WIDTH, opt_level=0)
    optimized.save_model_to_file(file)
    counts = optimized.get_fused_operator_statistics()
    for name, count in FUSED.items():
        if counts.get(name) != count:
            raise RuntimeError(f"{counts.get(name)} {name} in place of {count}: not at its best")
    return {name: count for name, count in counts.items() if count}


def tensors(file):
    data = file.read_bytes()
    length, = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    return {
        name: np.frombuffer(data, "<f4", math.prod(entry["shape"]),
                            8 + length + entry["data_offsets"][0]).reshape(entry["shape"])
        for name, entry in header.items() if entry.get("dtype") == "F32"}


class Graph:
    """The encoder as frameworks export it, which is what the optimizer looks for; then the mean of
    the tokens, of length 1."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes, self.constants = [], {}

    def model(self):
        out = self.pooled(self.encoder())
        ids = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
               for name in ("ids", "mask")]
        vectors = helper.make_tensor_value_info(out, TensorProto.FLOAT, ["batch", WIDTH])
        graph = helper.make_graph(
            self.nodes, "MiniLM", ids, [vectors],
            [numpy_helper.from_array(array, name) for name, array in self.constants.items()])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)

    def op(self, kind, *inputs, **attributes):
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=name, **attributes))
        return name

    def constant(self, value, kind=np.float32):
        array = np.array(value, kind)
        name = f"constant_{len(self.constants)}"
        self.constants[name] = array
        return name

    def weight(self, name):
        return self.constant(self.weights[name])

    def linear(self, name, x):
        product = self.op("MatMul", x, self.constant(self.weights[f"{name}.weight"].T.copy()))
        return self.op("Add", self.weight(f"{name}.bias"), product)

    def norm(self, name, x):
        return self.op("LayerNormalization", x, self.weight(f"{name}.weight"),
                       self.weight(f"{name}.bias"), axis=-1, epsilon=EPSILON)

    def encoder(self):
        table = "embeddings.{}_embeddings.weight".format
        # All tokens are of the first type: one table holds its row and the places.
        kind = self.weights[table("token_type")][0]
        places = self.constant(self.weights[table("position")] + kind)
        tokens = self.op("Gather", self.op("Shape", "ids"), self.constant([1], np.int64), axis=0)
        place = self.op("Slice", places, self.constant([0], np.int64), tokens,
                        self.constant([0], np.int64))
        word = self.op("Gather", self.weight(table("word")), "ids", axis=0)
        x = self.norm("embeddings.LayerNorm", self.op("Add", word, place))
        wide = self.op("Unsqueeze", "mask", self.constant([1], np.int64))
        wide = self.op("Unsqueeze", wide, self.constant([2], np.int64))
        away = self.op("Sub", self.constant(1), self.op("Cast", wide, to=TensorProto.FLOAT))
        away = self.op("Mul", away, self.constant(-10_000))
        for number in range(LAYERS):
            layer = f"encoder.layer.{number}"
            attended = self.linear(f"{layer}.attention.output.dense",
                                   self.attention(f"{layer}.attention.self", x, away))
            x = self.norm(f"{layer}.attention.output.LayerNorm", self.op("Add", attended, x))
            inner = self.gelu(self.linear(f"{layer}.intermediate.dense", x))
            out = self.linear(f"{layer}.output.dense", inner)
            x = self.norm(f"{layer}.output.LayerNorm", self.op("Add", out, x))
        return x

    def attention(self, name, x, away):
        def heads(part, order):
            shaped = self.op("Reshape", self.linear(f"{name}.{part}", x),
                             self.constant([0, 0, HEADS, WIDTH // HEADS], np.int64))
            return self.op("Transpose", shaped, perm=order)
        # The optimizer looks for query, key, value in this order.
        query = heads("query", [0, 2, 1, 3])
        key = heads("key", [0, 2, 3, 1])
        value = heads("value", [0, 2, 1, 3])
        scores = self.op("Div", self.op("MatMul", query, key),
                         self.constant(math.sqrt(WIDTH // HEADS)))
        shares = self.op("Softmax", self.op("Add", scores, away), axis=-1)
        mixed = self.op("Transpose", self.op("MatMul", shares, value), perm=[0, 2, 1, 3])
        return self.op("Reshape", mixed, self.constant([0, 0, WIDTH], np.int64))

    def gelu(self, x):
        error = self.op("Erf", self.op("Div", x, self.constant(math.sqrt(2))))
        product = self.op("Mul", x, self.op("Add", error, self.constant(1)))
        return self.op("Mul", product, self.constant(0.5))

    def pooled(self, x):
        counted = self.op("Cast", self.op("Unsqueeze", "mask", self.constant([2], np.int64)),
                          to=TensorProto.FLOAT)
        total = self.op("ReduceSum", self.op("Mul", x, counted), self.constant([1], np.int64),
                        keepdims=0)
        return self.op("LpNormalization", total, axis=-1, p=2)
