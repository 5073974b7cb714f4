import { readFileSync } from 'node:fs';

const FOLDER = new URL('../../../../test/vectors/directory/', import.meta.url);

/** A file of the directory vectors. */
export function vectorFile(name: string): Buffer {
  return readFileSync(new URL(name, FOLDER));
}

/** The documents of a vector file by name: each comes after a line of three equal signs and its name. */
export function vectorDocuments(name: string): ReadonlyMap<string, Buffer> {
  const [, ...parts] = vectorFile(name).toString('utf8').split(/^=== /m);
  return new Map(
    parts.map((part) => {
      const end = part.indexOf('\n');
      return [part.slice(0, end), Buffer.from(part.slice(end + 1), 'utf8')];
    }),
  );
}
