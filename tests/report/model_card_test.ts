import { assertEquals, assertStringIncludes } from "@std/assert";
import { modelCard, type ModelFacts } from "../../lib/report/model_card.ts";
import { noReport, type Report } from "../../lib/report/report.ts";

const FACTS: ModelFacts = {
  name: "org/tiny, dpo",
  kind: "language model",
  architecture: "gemma2",
  parameters: 1_234_567,
  method: "DPO",
  tags: ["dpo"],
  base: { name: "org/tiny", revision: "0123456789abcdef0123456789abcdef01234567" },
  limits: ["It knows | nothing"],
};

const REPORT: Report = {
  ...noReport,
  warnings: ["a tie\nbreaks <b>"],
  sections: [
    {
      ...{ part: "result", title: "Win rate", type: "intervals", low: 0, high: 1, percent: true, series: ["wins"] },
      rows: [{ name: "after", values: [{ estimate: 0.5, low: 0.25, high: 0.75 }] }],
    },
    { part: "result", title: "Replies", type: "samples", samples: [] },
    { part: "run", title: "Again", type: "code", code: "deno run x" },
    { part: "data", title: "Rows", type: "figures", figures: [{ name: "kept", value: "3" }] },
    { part: "run", title: "Settings", type: "table", header: ["a", "b"], rows: [["x|y", null]] },
  ],
};

Deno.test("modelCard() writes front matter, data, results, settings and limits, to the letter", () => {
  assertEquals(
    modelCard(REPORT, FACTS),
    `---
library_name: "transformers"
pipeline_tag: "text-generation"
base_model: "org/tiny"
base_model_relation: "finetune"
tags: ["logratio","dpo"]
---

# org/tiny, dpo

A language model of 1,234,567 parameters (gemma2), trained from \
[org/tiny](https://huggingface.co/org/tiny/tree/0123456789abcdef0123456789abcdef01234567) at 01234567 by DPO, with logratio.

## Data

### Rows

| figure | value |  |
| --- | --- | --- |
| kept | 3 |  |

## Results

### Win rate

|  | wins |
| --- | --- |
| after | 50.0 % \\[25.0 %, 75.0 %\\] |

## Method and settings

### Again

\`\`\`sh
deno run x
\`\`\`

### Settings

| a | b |
| --- | --- |
| x\\|y | – |

## Limits

- It knows \\| nothing
- The run warned: a tie breaks \\<b\\>
`,
  );
});

Deno.test("modelCard() names a base model to the hub only if it came from there, and tells adapters and rewards apart", () => {
  const front = (facts: Partial<ModelFacts>): string => modelCard(noReport, { ...FACTS, ...facts }).split("---\n")[1]!;
  assertEquals(front({ base: { name: "my-folder" } }).includes("base_model"), false);
  assertStringIncludes(
    modelCard(noReport, { ...FACTS, base: { name: "my_folder" } }),
    "trained from my\\_folder by DPO",
  );
  assertStringIncludes(front({ kind: "adapter" }), 'library_name: "peft"');
  assertStringIncludes(
    modelCard(noReport, { ...FACTS, kind: "adapter" }),
    "An adapter for a language model of 1,234,567 parameters (gemma2), trained from",
  );
  assertStringIncludes(front({ kind: "adapter" }), 'base_model_relation: "adapter"');
  assertStringIncludes(front({ kind: "reward model" }), 'pipeline_tag: "text-classification"');
});
