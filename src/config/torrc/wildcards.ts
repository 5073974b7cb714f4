import type { TorrcFiles } from './torrc-files.js';

const SPECIAL = /[*?]/;

/** Whether a path is a pattern. C tor counts `*` and `?` only. */
export function hasWildcards(path: string): boolean {
  return SPECIAL.test(path);
}

/** Characters of a class up to its `]`, or undefined when it is not closed: then `[` stands for itself. */
function classAt(pattern: string, at: number): { source: string; length: number } | undefined {
  const end = pattern.indexOf(']', at + 2);
  if (end === -1) return undefined;
  const isNegated = '!^'.includes(pattern[at + 1] ?? '');
  const inside = pattern.slice(at + (isNegated ? 2 : 1), end).replace(/[\\\]^[]/g, '\\$&');
  return { source: `[${isNegated ? '^' : ''}${inside}]`, length: end + 1 - at };
}

/** One path segment as a matcher. A leading dot must be written. */
function matcher(segment: string): (name: string) => boolean {
  let source = segment.startsWith('.') ? '' : '(?!\\.)';
  for (let at = 0; at < segment.length; at += 1) {
    const char = segment[at] ?? '';
    const set = char === '[' ? classAt(segment, at) : undefined;
    if (set !== undefined) {
      source += set.source;
      at += set.length - 1;
    } else if (char === '*') source += source.endsWith('.*') ? '' : '.*';
    else if (char === '?') source += '.';
    else source += char.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
  }
  try {
    const expression = new RegExp(`^${source}$`, 'su');
    return (name) => expression.test(name);
  } catch {
    // A class such as [z-a] matches nothing.
    return () => false;
  }
}

function join(folder: string, name: string): string {
  return folder === '' || folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`;
}

/** The existing paths that a pattern of `*`, `?` and `[...]` stands for, sorted; none is no error. */
export function expandWildcards(pattern: string, source: TorrcFiles): string[] {
  const segments = pattern.split('/').filter((segment) => segment !== '');
  let paths = [pattern.startsWith('/') ? '/' : ''];
  for (const segment of segments) {
    if (!/[*?[]/.test(segment)) {
      paths = paths.map((path) => join(path, segment));
      continue;
    }
    const matches = matcher(segment);
    paths = paths.flatMap((path) =>
      source
        .list(path === '' ? '.' : path)
        .filter(matches)
        .map((name) => join(path, name)),
    );
  }
  return paths.filter((path) => source.kind(path) !== 'missing').sort();
}
