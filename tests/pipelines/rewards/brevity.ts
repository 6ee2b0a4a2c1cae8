/** A reward that a user might bring: the shorter, the better. */
export default (_prompt: string, completion: string): number => -completion.length;
