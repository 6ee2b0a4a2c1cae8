/** A model's matrices made ready for many passes of few tokens. */
import { putIntoPanels } from "../grad/panels.ts";
import { isTensor, size } from "../tensor/tensor.ts";
import { headOf, type LanguageModel } from "./decoder.ts";
import { adaptedLayers } from "./lora.ts";

/** Most numbers of all matrices: as many as caches may hold, as those that come from memory gain nothing by it. */
const MOST_NUMBERS = 1 << 24;

/** Passes in which it repays its time, that of about three. */
const LEAST_PASSES = 16;

/**
 * Puts the matrices by which every pass multiplies into panels, where that pays. Results have the same bits.
 *
 * @returns what ends it
 */
export function prepared({ params }: LanguageModel, passes: number): () => void {
  const ofLayers = adaptedLayers(params).flatMap((layer) => Object.values(layer as object).filter(isTensor));
  const matrices = [...ofLayers.filter(({ shape }) => shape.length === 2), headOf(params)];
  const numbers = matrices.reduce((sum, { shape }) => sum + size(shape), 0);
  return passes < LEAST_PASSES || numbers > MOST_NUMBERS ? () => {} : putIntoPanels(matrices);
}
