import type { TorrcFiles } from '../../../src/config/torrc/index.js';

/** Files of a test: a path's text, and folders by the paths that lie in them. */
export function memoryFiles(texts: Readonly<Record<string, string>>): TorrcFiles {
  const paths = Object.keys(texts);
  const inFolder = (folder: string): string[] => {
    const prefix = folder.endsWith('/') ? folder : `${folder}/`;
    const inside = paths.filter((path) => path.startsWith(prefix)).map((path) => path.slice(prefix.length));
    return [...new Set(inside.map((path) => path.split('/')[0] ?? ''))];
  };
  return {
    kind: (path) => {
      if (texts[path] !== undefined) return texts[path] === '' ? 'empty' : 'file';
      return inFolder(path).length > 0 ? 'folder' : 'missing';
    },
    read: (path) => texts[path] ?? '',
    list: inFolder,
  };
}
