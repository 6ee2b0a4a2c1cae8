/** The edges of PPO: where there is nothing to learn, hardly a token, or one prompt. Nothing is ever NaN. */
import { assert, assertEquals } from "@std/assert";
import type { Event } from "../../lib/flow/event.ts";
import { pipeline, repeat } from "../../lib/flow/pipeline.ts";
import { initDecoder } from "../../lib/model/decoder.ts";
import { right } from "../../lib/result.ts";
import { advantages } from "../../lib/stages/advantages.ts";
import { initCritic } from "../../lib/stages/init_critic.ts";
import { monitor } from "../../lib/stages/monitor.ts";
import { ppoUpdate } from "../../lib/stages/ppo_update.ts";
import { rollout, type RolloutOptions } from "../../lib/stages/rollout.ts";
import { score } from "../../lib/stages/score.ts";
import { tokenRewards } from "../../lib/stages/token_rewards.ts";
import { key } from "../../lib/tensor/random.ts";
import { leaves } from "../../lib/tensor/tree.ts";
import { model, promptOf } from "./rollouts.ts";
import { config, finished, idOf, tokenizer, unigram } from "./tiny.ts";

const moving = { config, tokenizer, policy: initDecoder(key(1), config), ref: initDecoder(key(2), config) };
const three = [..."xyz"].map(promptOf);

interface Edge {
  readonly given?: typeof model | typeof moving;
  readonly prompts?: typeof three;
  readonly rollout?: Partial<RolloutOptions>;
  readonly minibatch?: number;
  readonly reward?: (completion: string) => number;
  readonly whitenRewards?: boolean;
}

/** Two iterations: what was warned of, and every number of the run is one. */
async function warnings(edge: Edge): Promise<readonly string[]> {
  const { given = moving, prompts = three, minibatch = 1, reward = (text) => text.length, whitenRewards = true } = edge;
  const update = { lr: 1e-3, epochs: 2, minibatch, totalSteps: 20, entropyCoef: 0.01 };
  const klControl = { type: "adaptive", klCoef: 0.1, target: 1, horizon: 50 } as const;
  const stages = pipeline("edge", [
    initCritic({ critic: "shared", klControl, update }),
    repeat(
      "iterations",
      2,
      pipeline("iteration", [
        rollout({ prompts: 99, maxNewTokens: 4, ...edge.rollout }),
        score(() => right((_, completion) => reward(completion))),
        tokenRewards({ whitenRewards }),
        advantages(),
        ppoUpdate(update),
        monitor(),
      ]),
    ),
  ]);
  const { state, events, metrics } = await finished(stages, { ...given, prompts });
  for (const step of metrics) {
    for (const [name, x] of Object.entries(step)) assert(Number.isFinite(x), `${name} is ${x}`);
  }
  for (const [path, { data }] of leaves({ policy: state.policy, value: state.value })) {
    assert(Array.from(data).every(Number.isFinite), path);
  }
  assertEquals(state.curve.length, 2);
  for (const point of state.curve) assert(Object.values(point).every(Number.isFinite), JSON.stringify(point));
  return saidBy(events);
}

const saidBy = (events: readonly Event[]): readonly string[] =>
  events.flatMap((e) => e.type === "warning" ? [`${e.path.at(-1)}: ${e.message}`] : []);
const twice = (...said: readonly string[]): readonly string[] => [...said, ...said];

const EQUAL = "advantages: The advantages of all tokens are equal: the policy has nothing to learn from them.";
const COLLAPSED = "it has collapsed. A larger klCoef or an entropy bonus helps.";
const paid = (n: number, r: number): string =>
  `score: All ${n} rollouts have the reward ${r}: there is nothing to learn from them.`;

Deno.test("PPO with rewards that are all equal goes on, and says so", async () => {
  assertEquals(await warnings({ reward: () => 3 }), twice(paid(3, 3)));
});

Deno.test("PPO of a policy that says nothing goes on, and says so: empty, equal, collapsed", async () => {
  const silent = { ...model, policy: unigram({ a: 1e-9 }), ref: unigram({ a: 1e-9 }) };
  assertEquals(
    await warnings({ given: silent }),
    twice(
      paid(3, 0),
      EQUAL,
      "monitor: 3 of 3 completions are empty, the first to the prompt of y.",
      `monitor: The policy gives one answer to all 3 prompts: ${COLLAPSED}`,
    ),
  );
});

Deno.test("PPO of a policy that has collapsed to one answer goes on, and says so", async () => {
  const set = { ...model, policy: unigram({ a: 1 - 1e-12 }) }; // always "aaaa", of which the reference gives each a ¼
  assertEquals(
    await warnings({ given: set, minibatch: 2 }),
    twice(paid(3, 4), `monitor: The policy gives one answer to all 3 prompts: ${COLLAPSED}`),
  );
});

Deno.test("PPO from prompts at the context limit rolls out the one token that there is room for", async () => {
  const ids = new Int32Array(config.contextLength - 1).fill(idOf("y"));
  const full = [..."pqr"].map((id) => ({ id, text: "y", ids: ids.with(0, idOf(id)) }));
  for (const said of await warnings({ prompts: full })) assert(/empty|collapsed|equal|reward/.test(said), said);
});

Deno.test("PPO of a single rollout of a single token has nothing to compare it with, and says so", async () => {
  const edge: Edge = { prompts: three.slice(0, 1), rollout: { maxNewTokens: 1 } };
  const said = await warnings(edge);
  assertEquals(said.filter((x) => x === EQUAL), twice(EQUAL));
});

/** The sum of the characters: hardly ever the same for two texts. */
const codes = (text: string): number => [...text].reduce((sum, c) => sum + c.charCodeAt(0), 0);

Deno.test("PPO from a single prompt learns from its samples, one to a minibatch", async () => {
  const edge: Edge = { prompts: three.slice(0, 1), rollout: { samples: 4 }, reward: codes };
  assertEquals((await warnings(edge)).filter((said) => !said.includes("empty")), []);
});
