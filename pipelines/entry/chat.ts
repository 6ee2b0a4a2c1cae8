/**
 * Talks to a model: `deno run -R jsr:@logratio/logratio/chat --model DIR`.
 *
 * @module
 */
import { main } from "../chat.ts";

await main();
