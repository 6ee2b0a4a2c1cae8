import { assertAlmostEquals, assertEquals } from "@std/assert";
import { initDecoder } from "../../lib/model/decoder.ts";
import { initReward, values } from "../../lib/model/heads.ts";
import { initCritic } from "../../lib/stages/init_critic.ts";
import { rewardsOf } from "../../lib/stages/reward_state.ts";
import { examplesOf } from "../../lib/stages/rollout.ts";
import { key } from "../../lib/tensor/random.ts";
import { pack } from "../../lib/tensor/ragged.ts";
import { rolloutOf } from "./rollouts.ts";
import { config, finished, tokenizer } from "./tiny.ts";

const policy = initDecoder(key(1), config);
const reward = { ...initReward(key(5), initDecoder(key(4), config)), mean: 0.25, deviation: 2 };
const klControl = { type: "fixed", klCoef: 0.1 } as const;
const update = { lr: 1e-3, totalSteps: 10, minibatch: 2 };
const batch = pack(examplesOf([rolloutOf("ab"), rolloutOf("b")]));

Deno.test("initCritic() from the reward model says after a completion what the reward model says in its unit", async () => {
  const { state } = await finished(initCritic({ klControl, update }), { config, tokenizer, policy, reward });
  const raw = rewardsOf(reward, config, examplesOf([rolloutOf("ab"), rolloutOf("b")]));
  const { after } = values(state.value, policy, { config, batch });
  raw.forEach((r, b) => assertAlmostEquals(after.data[b] as number, (r - 0.25) / 2, 1e-6));
  assertEquals(state.klControl, klControl);
});

Deno.test("initCritic() from the policy, or on its trunk, expects 0 before and after every token", async () => {
  for (const critic of ["policy", "shared"] as const) {
    const { state } = await finished(initCritic({ critic, klControl, update }), { config, tokenizer, policy });
    const { before, after } = values(state.value, policy, { config, batch });
    assertEquals([...before.data, ...after.data], Array(7).fill(0));
    assertEquals(state.value.trunk === undefined, critic === "shared");
  }
});
