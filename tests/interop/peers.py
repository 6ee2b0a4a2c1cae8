"""What transformers and PEFT make of folders: a question a line in, an answer a line out, both JSON.

A question: {"kind": "model" | "adapter" | "reward", "folder", "base" (of an adapter), "sequences": [ids], "prompt": ids,
"newTokens", "texts": [text], "conversations": [messages]}.
"""

import json
import os
import sys

import torch
from huggingface_hub import ModelCard
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, GenerationConfig

torch.set_num_threads(2)
F32 = {"dtype": torch.float32, "attn_implementation": "eager"}


def loaded(model_class, folder):
    """A model in float32, and the keys that its file lacks or has too many."""
    model, info = model_class.from_pretrained(folder, output_loading_info=True, **F32)
    return model.eval(), {name: sorted(map(str, keys)) for name, keys in info.items() if keys}


def opened(kind, folder, base=None):
    if kind == "reward":
        return loaded(AutoModelForSequenceClassification, folder)
    model, strange = loaded(AutoModelForCausalLM, base or folder)
    return (PeftModel.from_pretrained(model, folder).eval() if kind == "adapter" else model), strange


def outputs(model, sequences):
    return [model(torch.tensor([ids])).logits[0].tolist() for ids in sequences]


def greedy(model, prompt, new_tokens):
    """The most probable tokens, none of which ends the text."""
    ids = torch.tensor([prompt])
    model.generation_config = GenerationConfig(max_new_tokens=new_tokens, do_sample=False, pad_token_id=0)
    return model.generate(input_ids=ids)[0, len(prompt):].tolist()


def of_texts(folder, texts, conversations):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer.encode(text, add_special_tokens=False) for text in texts]

    def chat(messages, tokenize):
        asks = messages[-1]["role"] == "user"
        return tokenizer.apply_chat_template(
            messages, tokenize=tokenize, add_generation_prompt=asks, **({"return_dict": False} if tokenize else {})
        )

    return {
        "ids": ids,
        "decoded": [tokenizer.decode(one) for one in ids],
        "rendered": [chat(messages, False) for messages in conversations],
        "chatIds": [chat(messages, True) for messages in conversations],
    }


def stored(folder):
    """What is left to the folder to say: the element type of the weights, and what ends a text."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    return {"dtype": str(model.dtype), "ends": model.generation_config.eos_token_id}


def card(folder):
    """The front matter of the model card, as huggingface_hub reads it."""
    read = ModelCard.load(f"{folder}/README.md") if os.path.exists(f"{folder}/README.md") else None
    return read and read.data.to_dict()


@torch.no_grad()
def answer(question):
    kind, folder = question["kind"], question["folder"]
    model, strange = opened(kind, folder, question.get("base"))
    core = model.get_base_model() if kind == "adapter" else model
    found = {"class": type(core).__name__, "strange": strange, "card": card(folder)}
    found["rewards" if kind == "reward" else "logits"] = outputs(model, question["sequences"])
    if question["texts"]:
        found["tokenizer"] = of_texts(folder, question["texts"], question["conversations"])
    if kind == "model":
        found |= stored(folder)
    if kind != "reward":
        found["greedy"] = greedy(model, question["prompt"], question["newTokens"])
    if kind == "adapter":
        found["merged"] = outputs(model.merge_and_unload(), question["sequences"])
    return found


def tried(question):
    try:
        return answer(question)
    except Exception as error:  # the test says which folder it was
        return {"error": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    print(json.dumps(tried(json.loads(line))), flush=True)
