/**
 * What is wrong with preference pairs: `deno run -R jsr:@logratio/logratio/doctor --data pairs.jsonl`.
 *
 * @module
 */
import { doctor, settings } from "../doctor.ts";
import { doctorSummary } from "../doctor_summary.ts";
import { main } from "../main.ts";

await main(doctor, settings, doctorSummary);
