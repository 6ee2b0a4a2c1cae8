/**
 * How near PPO comes to an optimum that is known, and how far its wrong relatives stay: seeds × variants, as JSON.
 *
 *     deno task evidence
 */
import { fold, key } from "../../mod.ts";
import { ppo, SETTINGS } from "../optimum/ppo.ts";
import { optimum, ref, worthOf } from "../optimum/toy.ts";
import { variants } from "../optimum/variants.ts";

const SEEDS = [0, 1, 2, 3, 4];

if (import.meta.main) {
  const rows = Object.entries(variants).flatMap(([variant, settings]) =>
    SEEDS.map((seed) => {
      const row = { variant, seed, ...ppo(fold(key(seed), "ppo"), settings) };
      console.error(`${variant}, seed ${seed}: ${(100 * row.miss).toFixed(3)} % below J*`);
      return row;
    })
  );
  const evidence = { settings: SETTINGS, optimum: optimum.J_star, start: worthOf(ref), rows };
  await Deno.writeTextFile(new URL("./optimum.json", import.meta.url), `${JSON.stringify(evidence, null, 1)}\n`);
}
