"""One contestant of PyTorch in one process: a job in JSON as the argument, its figures in JSON as the last line.

    peers.py '{"kind": "bare", "config": {...}, "lengths": [[67, 122, 20], ...], "pairs": 16, "steps": 4, "dtype": "bf16"}'

Weights and tokens are random and nothing is downloaded. A step is a whole one: batch, forward, backward, clipping at 1,
AdamW. Rates are real tokens a second, prompt and completion of both sides, padding not counted; the first step is dropped.
"""

import contextlib
import json
import os
import sys
import tempfile
import time

os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")

import torch
import torch.nn.functional as F
from transformers import LlamaConfig, LlamaForCausalLM

PAD, EOS, BOS, UNKNOWN = range(4)


def model_of(config):
    torch.manual_seed(0)
    special = dict(pad_token_id=PAD, eos_token_id=EOS, bos_token_id=BOS)
    return LlamaForCausalLM(LlamaConfig(**config, **special, tie_word_embeddings=True, max_position_embeddings=1024))


def pairs_of(job):
    """Triples of prompt, chosen and rejected ids; replies end with EOS."""
    draw = torch.Generator().manual_seed(1)
    ids = lambda n: torch.randint(4, job["config"]["vocab_size"], (n,), generator=draw).tolist()
    return [(ids(p), ids(c - 1) + [EOS], ids(r - 1) + [EOS]) for p, c, r in job["lengths"]]


def real_tokens(batch):
    return sum(2 * len(p) + len(c) + len(r) for p, c, r in batch)


def bare(job):
    """The loop an expert writes: batches of like lengths, the head at completions alone, the reference computed before."""
    model = model_of(job["config"])
    size = job["pairs"]
    rows = sorted(pairs_of(job), key=lambda row: len(row[0]) + max(len(row[1]), len(row[2])))
    batches = [rows[i : i + size] for i in range(0, len(rows), size)]
    precise = job["dtype"] == "f32"
    casting = contextlib.nullcontext if precise else lambda: torch.autocast("cpu", torch.bfloat16)

    def tensors(batch):
        sides = [(p, c) for p, c, _ in batch] + [(p, r) for p, _, r in batch]
        width = max(len(p) + len(c) for p, c in sides)
        ids = torch.full((len(sides), width), PAD)
        attended, replied = torch.zeros_like(ids), torch.zeros_like(ids, dtype=torch.bool)
        for i, (p, c) in enumerate(sides):
            ids[i, : len(p) + len(c)] = torch.tensor(p + c)
            attended[i, : len(p) + len(c)] = 1
            replied[i, len(p) : len(p) + len(c)] = True
        return ids, attended, replied

    def logps(ids, attended, replied):
        with casting():
            states = model.model(input_ids=ids, attention_mask=attended, use_cache=False).last_hidden_state
            logits = model.lm_head(states[:, :-1][replied[:, 1:]]).float()
        token_logps = -F.cross_entropy(logits, ids[:, 1:][replied[:, 1:]], reduction="none")
        return torch.zeros(len(ids)).index_add(0, replied[:, 1:].nonzero()[:, 0], token_logps)

    inputs = [tensors(batch) for batch in batches]
    with torch.no_grad():
        refs = [logps(*batch) for batch in inputs]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6, weight_decay=0.0, fused=True)
    seconds, losses = [], []
    for batch, ref in zip(inputs, refs):
        began = time.perf_counter()
        (chosen, rejected) = (logps(*batch) - ref).chunk(2)
        loss = -F.logsigmoid(0.1 * (chosen - rejected)).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        seconds.append(time.perf_counter() - began)
    return [real_tokens(batch) / s for batch, s in zip(batches, seconds)][1:], losses[0]


def trl(job):
    """TRL's trainer, as its documentation shows it or with the options of the job."""
    from datasets import Dataset
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import DPOConfig, DPOTrainer

    words = {"<pad>": PAD, "<eos>": EOS, "<bos>": BOS, "<unk>": UNKNOWN}
    words |= {f"w{i}": i for i in range(4, job["config"]["vocab_size"])}
    plain = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    named = dict(pad_token="<pad>", eos_token="<eos>", bos_token="<bos>", unk_token="<unk>")
    text = lambda ids: " ".join(f"w{i}" for i in ids)
    rows = pairs_of(job)
    data = [
        dict(prompt=text(p) + " ", chosen=text(c[:-1]) + " <eos>", rejected=text(r[:-1]) + " <eos>") for p, c, r in rows
    ]

    class Clock(TrainerCallback):
        ends, losses = [], []

        def on_step_end(self, *_, **__):
            self.ends.append(time.perf_counter())

        def on_log(self, *_, logs=None, **__):
            self.losses += [logs["loss"]] if "loss" in logs else []

    with tempfile.TemporaryDirectory() as folder:
        model_of(job["config"]).save_pretrained(folder)
        PreTrainedTokenizerFast(tokenizer_object=plain, **named).save_pretrained(folder)
        clock = Clock()
        arguments = DPOConfig(
            output_dir=f"{folder}/out", use_cpu=True, per_device_train_batch_size=job["pairs"], max_steps=job["steps"],
            logging_steps=1, save_strategy="no", report_to=[], disable_tqdm=True, **job.get("options", {}),
        )
        given = dict(model=folder, args=arguments, train_dataset=Dataset.from_list(data), callbacks=[clock])
        trainer = DPOTrainer(**given, **adapter_of(job))
        counts, collate = [], trainer.data_collator

        def counted(examples):
            batch = collate(examples)
            counts.append(int(batch["attention_mask"].sum()))
            return batch

        trainer.data_collator = counted
        trainer.train()
    seconds = [b - a for a, b in zip(clock.ends, clock.ends[1:])]
    return [n / s for n, s in zip(counts[1:], seconds)], clock.losses[0]


def adapter_of(job):
    """The adapter that a job asks for, on every matrix of the layers."""
    if "rank" not in job:
        return {}
    from peft import LoraConfig

    return dict(peft_config=LoraConfig(r=job["rank"], lora_alpha=2 * job["rank"], target_modules="all-linear"))


def generate(job):
    """Hugging Face's generate with its cache: new tokens a second, the prompt's time included."""
    model = model_of(job["config"]).to(torch.float32 if job["dtype"] == "f32" else torch.bfloat16).eval()
    ids = torch.randint(4, job["config"]["vocab_size"], (job["batch"], 32))
    drawn = dict(do_sample=True, top_k=0, top_p=1.0, temperature=1.0)
    exactly = dict(min_new_tokens=job["new"], max_new_tokens=job["new"], pad_token_id=PAD)
    rates = []
    for _ in range(1 + job["steps"]):
        began = time.perf_counter()
        with torch.inference_mode():
            out = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), **drawn, **exactly)
        assert out.shape[1] == 32 + job["new"]
        rates.append(job["batch"] * job["new"] / (time.perf_counter() - began))
    return rates[1:], None


job = json.loads(sys.argv[1])
torch.set_num_threads(job["threads"])
rates, first_loss = dict(bare=bare, trl=trl, generate=generate)[job["kind"]](job)
print(json.dumps(dict(rates=rates, firstLoss=first_loss)))
