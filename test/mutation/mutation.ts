/** One deliberate breakage of one place, and the test that must notice it. */
export interface Mutation {
  /** Says what is broken. */
  readonly name: string;
  /** A C++ file below native/. */
  readonly file: string;
  /** Exact text that occurs in the file once. */
  readonly find: string;
  readonly replace: string;
  readonly test: MutationTest;
}

/** `native`: a file of test/native (doctest); `node`: a file of test, which loads the broken addon. */
export interface MutationTest {
  readonly kind: 'native' | 'node';
  /** Path in the repository. */
  readonly file: string;
  /** The full name of the test. */
  readonly name: string;
}

/** The text with its breakage; an Error when `find` is not there exactly once. */
export function applyMutation(text: string, { name, file, find, replace }: Mutation): string {
  const places = text.split(find).length - 1;
  if (places !== 1) throw new Error(`${name}: its text is found ${places} times in ${file}: ${find}`);
  // A function, because $ means something in a replacement string.
  return text.replace(find, () => replace);
}

/** An Error when two entries of the list have one name, or one breaks nothing. */
export function checkMutations(mutations: readonly Mutation[]): void {
  const names = new Set<string>();
  for (const { name, find, replace } of mutations) {
    if (names.has(name)) throw new Error(`two mutations are called "${name}"`);
    if (find === replace) throw new Error(`${name}: changes nothing`);
    names.add(name);
  }
}
