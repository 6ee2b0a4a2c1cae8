"""Figures of tiny models by transformers' own code in float64: weights by a formula, so that no file holds them.

    pip install torch transformers
    python tests/model/architectures_golden.py > tests/model/architectures_golden.json
    python tests/model/architectures_golden.py --check FOLDER    # expected.json of a model folder, computed again

What the library computes in float32 whatever the weights (norms, softmax, rotary angles) is float64 here too.
"""

import array
import json
import math
import sys

import torch

# Before the library is imported, as it takes hold of both.
torch.float32 = torch.float = torch.float64
torch.Tensor.float = torch.Tensor.double
torch.set_default_dtype(torch.float64)

from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402

SIZES = {
    "vocab_size": 24,
    "hidden_size": 16,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-3,
    "tie_word_embeddings": False,
    **{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None},
}
GPT2 = {
    **{"model_type": "gpt2", "vocab_size": 24, "n_embd": 16, "n_head": 2, "n_layer": 2, "n_positions": 64},
    **{"bos_token_id": 1, "eos_token_id": 2},
}
THREE = {"num_hidden_layers": 3}
WINDOWS = ["sliding_attention", "full_attention", "sliding_attention"]
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}


def rope(theta, **more):
    return {"rope_parameters": {"rope_type": "default", "rope_theta": theta, **more}}


CONFIGS = {
    "gpt2": {**GPT2, "layer_norm_epsilon": 1e-3},
    "gpt2 with exact gelu": {**GPT2, "activation_function": "gelu", "n_inner": 28},
    "llama with all biases and stretched angles": {
        **{"model_type": "llama", **SIZES, "attention_bias": True, "mlp_bias": True, "rope_parameters": LLAMA3},
    },
    "llama with divided angles and heads of 6": {
        **{"model_type": "llama", **SIZES, "head_dim": 6, **rope(100.0, rope_type="linear", factor=3.0)},
    },
    "mistral": {"model_type": "mistral", **SIZES, **rope(300.0), "sliding_window": 4},
    "qwen2": {"model_type": "qwen2", **SIZES, **rope(300.0), "tie_word_embeddings": True},
    "qwen2 with a window in later layers": {
        **{"model_type": "qwen2", **SIZES, **rope(300.0), "use_sliding_window": True, "sliding_window": 3},
        **{"max_window_layers": 1},
    },
    "qwen3": {"model_type": "qwen3", **SIZES, **rope(300.0), "head_dim": 12},
    "qwen2 with yarn": {
        **{"model_type": "qwen2", **SIZES},
        "rope_parameters": {
            **{"rope_type": "yarn", "rope_theta": 300.0, "factor": 4.0, "original_max_position_embeddings": 16},
            **{"beta_fast": 4.0, "beta_slow": 0.25},
        },
    },
    "qwen3 with yarn by its own scales, not rounded": {
        **{"model_type": "qwen3", **SIZES, "head_dim": 12},
        "rope_parameters": {
            **{"rope_type": "yarn", "rope_theta": 300.0, "factor": 8.0, "original_max_position_embeddings": 16},
            **{"beta_fast": 1.2, "beta_slow": 0.25, "truncate": False, "mscale": 1.5, "mscale_all_dim": 0.5},
        },
    },
    "llama with dynamic angles": {
        **{"model_type": "llama", **SIZES, **rope(300.0, rope_type="dynamic", factor=4.0)},
    },
    "smollm3": {"model_type": "smollm3", **SIZES, **THREE, **rope(300.0), "no_rope_layers": [1, 0, 1]},
    "phi3": {
        **{"model_type": "phi3", **SIZES, **rope(300.0, partial_rotary_factor=0.5)},
        **{"hidden_size": 24, "head_dim": 12, "num_attention_heads": 2, "num_key_value_heads": 1},
        "original_max_position_embeddings": 64,
    },
    "phi3 with longrope": {
        **{"model_type": "phi3", **SIZES, "hidden_size": 24, "head_dim": 12, "num_attention_heads": 2},
        **{"num_key_value_heads": 1, "original_max_position_embeddings": 20},
        **rope(300.0, partial_rotary_factor=0.5, rope_type="longrope", short_factor=[1.1, 1.5, 3.0], long_factor=[2.0, 5.0, 9.0]),
    },
    "gemma2": {
        **{"model_type": "gemma2", **SIZES, **THREE, **rope(300.0), "layer_types": WINDOWS, "sliding_window": 4},
        **{"query_pre_attn_scalar": 11, "attn_logit_softcapping": 3.0, "final_logit_softcapping": 4.0},
        "tie_word_embeddings": True,
    },
    "gemma3_text": {
        **{"model_type": "gemma3_text", **SIZES, **THREE, "layer_types": WINDOWS, "sliding_window": 4},
        **{"query_pre_attn_scalar": 11, "tie_word_embeddings": True},
        "rope_parameters": {
            "sliding_attention": {"rope_type": "default", "rope_theta": 50.0},
            "full_attention": {"rope_type": "linear", "rope_theta": 900.0, "factor": 2.0},
        },
    },
    "olmo2": {"model_type": "olmo2", **SIZES, **rope(300.0), "hidden_size": 32},
}
SEQUENCES = [([3, 17, 8, 0, 21, 5, 12], 3), ([1, 9, 9, 20, 14, 2, 7, 23, 11, 6, 18], 5)]
POSITIONS = [0, 5, 10]


def weight(shape, number, middle, width):
    """middle + width·u, u between −1/2 and 1/2 by the place of the tensor's name in order and of the element in it."""
    i = torch.arange(math.prod(shape), dtype=torch.int64)
    u = (i * i * 31 + i * 7919 + number * 104729 + 17) % 65521
    return (middle + width * (u.double() / 65521 - 0.5)).reshape(shape)


def made(config):
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**config), attn_implementation="eager").double()
    names = sorted(name for name, _ in model.named_parameters())  # tied ones once
    parameters = dict(model.named_parameters())
    for number, name in enumerate(names):
        p = parameters[name]
        vector, bias = p.dim() == 1, name.endswith(".bias")
        middle = 1 if vector and not bias and not config["model_type"].startswith("gemma") else 0
        p.data = weight(p.shape, number, middle, 0.8 if vector else 1.6)
    return model.eval()


def loss_of(model, sequences):
    losses = []
    for ids, _ in sequences:
        logits = model(torch.tensor([ids]), use_cache=False).logits[0]
        losses.append(torch.log_softmax(logits[:-1], -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0])
    return -torch.cat(losses).mean()


def greedy(model, prompt, count):
    ids, gap = list(prompt), math.inf
    for _ in range(count):
        top = model(torch.tensor([ids]), use_cache=False).logits[0, -1].topk(2)
        gap = min(gap, (top.values[0] - top.values[1]).item())
        ids.append(top.indices[0].item())
    return {"prompt_ids": list(prompt), "new_ids": ids[len(prompt):], "smallest_top1_minus_top2": gap}


def norms(state):
    return state.norm().item(), state[-1].norm().item(), state[-1, :4].tolist()


def sampled(g):
    flat = g.flatten()
    largest = flat.abs().argmax().item()
    indices = sorted({0, largest, flat.numel() * 2 // 3})
    return {"l2": g.norm().item(), "sum": g.sum().item(), "indices": indices, "values": flat[indices].tolist()}


def figures(model, sequences, positions, prompt, count):
    found = []
    for ids, prompt_length in sequences:
        with torch.no_grad():
            logits = model(torch.tensor([ids]), use_cache=False).logits[0]
        logps = torch.log_softmax(logits[:-1], -1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
        at = [p for p in positions if p < len(ids)]
        found.append({
            "ids": ids,
            "prompt_length": prompt_length,
            "token_logprobs": logps.tolist(),
            "completion_logprob_sum": logps[prompt_length - 1:].sum().item(),
            "logits_positions": at,
            "logits_at_positions": logits[at].tolist(),
        })
    model.zero_grad()
    loss = loss_of(model, sequences)
    loss.backward()
    with torch.no_grad():
        # What each layer passes on; the last of the library's hidden states is normed already.
        states = []
        hooks = [
            module.register_forward_hook(lambda _m, _i, out: states.append((out[0] if type(out) is tuple else out)[0]))
            for module in (model.model.layers if hasattr(model, "model") else model.transformer.h)
        ]
        out = model(torch.tensor([sequences[1][0]]), use_cache=False, output_hidden_states=True)
        for hook in hooks:
            hook.remove()
        frobenius, last, first4 = zip(*map(norms, [out.hidden_states[0][0], *states, out.hidden_states[-1][0]]))
        told = greedy(model, prompt, count)
    return {
        "sequences": found,
        "loss": {"value": loss.item()},
        "gradients": {name: sampled(p.grad) for name, p in sorted(model.named_parameters())},
        "hidden_states": {
            "of_sequence": 1,
            "frobenius": frobenius,
            "last_position_l2": last,
            "last_position_first_4": first4,
        },
        "greedy": told,
    }


def rounded(x):
    """To 13 digits."""
    if isinstance(x, dict):
        return {name: rounded(value) for name, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [rounded(value) for value in x]
    return float(f"{x:.13g}") if isinstance(x, float) else x


def stored(path):
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        return header, file.read()


def check(folder):
    """The largest differences from a folder's figures."""
    with open(f"{folder}/expected.json") as file:
        known = json.load(file)
    config = AutoConfig.from_pretrained(folder)
    config.dtype = None
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").double().eval()
    header, data = stored(f"{folder}/model.safetensors")
    parameters = dict(model.named_parameters())
    for name, place in header.items():
        if name in parameters:
            start, end = place["data_offsets"]
            numbers = array.array("f", data[start:end])
            parameters[name].data = torch.tensor(numbers.tolist()).reshape(place["shape"])
    sequences = [(s["ids"], s["prompt_length"]) for s in known["sequences"]]
    ours = figures(model, sequences, [0], known["greedy"]["prompt_ids"], 32)
    apart = [abs(a - b) for s, t in zip(ours["sequences"], known["sequences"]) for a, b in zip(s["token_logprobs"], t["token_logprobs"])]
    gradients = [abs(g["l2"] / known["gradients"][name]["l2"] - 1) for name, g in ours["gradients"].items()]
    hidden = [abs(a / b - 1) for a, b in zip(ours["hidden_states"]["frobenius"], known["hidden_states"]["frobenius"])]
    same = ours["greedy"]["new_ids"] == known["greedy"]["new_ids"]
    print(folder, max(apart), max(gradients), max(hidden), same)


if len(sys.argv) > 2:
    check(sys.argv[2])
else:
    cases = {}
    for case, config in CONFIGS.items():
        model = made(config)
        result = figures(model, SEQUENCES, POSITIONS, [4, 13, 22], 16)
        assert result["greedy"]["smallest_top1_minus_top2"] > 1e-3, (case, result["greedy"])
        print(case, round(result["loss"]["value"], 3), result["greedy"], file=sys.stderr)
        cases[case] = {"config": config, **rounded({**result, "loss": None}), "loss": result["loss"]}
    print("{" + ",\n".join(f"{json.dumps(case)}:{json.dumps(of, separators=(',', ':'))}" for case, of in cases.items()) + "}")
