/** A reward that never answers. */
export default (): Promise<number> => new Promise(() => {});
