/** What a mutation says: where it strikes, what it changes, and who must notice. */
export interface Mutation {
  file: string;
  /** Must stand in the compiled file exactly once. */
  find: string;
  replace: string;
  why: string;
  killers: readonly string[];
}

/** `file` is a path under src, without its ending. */
export function m(file: string, find: string, replace: string, why: string, killers: readonly string[]): Mutation {
  return { file: `src/${file}.js`, find, replace, why, killers };
}
