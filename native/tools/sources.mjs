// Lists the C++ sources under a folder for binding.gyp, so that a new file is built without being registered:
//   node native/tools/sources.mjs FOLDER [--except FOLDER]
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Files below `folder` whose names end in one of `endings`, sorted; paths begin with `folder`. */
export function listFiles(folder, endings, except) {
  const found = [];
  const visit = (dir) => {
    if (dir === except) return;
    let entries;
    try {
      entries = readdirSync(dir, { withFileTypes: true });
    } catch (error) {
      if (error.code === 'ENOENT') return;
      throw error;
    }
    for (const entry of entries) {
      const path = join(dir, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (endings.some((ending) => entry.name.endsWith(ending))) found.push(path);
    }
  };
  visit(folder);
  return found.sort();
}

if (process.argv[1]?.endsWith('sources.mjs') && fileURLToPath(import.meta.url).endsWith('sources.mjs')) {
  const [folder, flag, except] = process.argv.slice(2);
  for (const path of listFiles(folder, ['.cc'], flag === '--except' ? except : undefined)) console.log(path);
}
