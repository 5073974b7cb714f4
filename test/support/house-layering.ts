/** Checks one file's includes or imports against a layering table; returns what is wrong, in sentences. */
import { dirname, join, normalize } from 'node:path';
import type { Allowed, LayerTable } from '../house/layering-table.js';
import { stripComments } from './house-source.js';
import type { SourceFile } from './house-source.js';

function allowedFor(table: LayerTable, folder: string): readonly string[] | undefined {
  const index = table.findIndex(([name]) => name === folder);
  const may: Allowed | undefined = table[index]?.[1];
  if (may === undefined) return undefined;
  return may === 'all above' ? table.slice(0, index).map(([name]) => name) : may;
}

function checkUses(path: string, folder: string, uses: readonly string[], table: LayerTable): string[] {
  const allowed = allowedFor(table, folder);
  if (allowed === undefined) return [`${path}: folder ${folder} is not in the layering table`];
  return uses
    .filter((target) => target !== folder && !allowed.includes(target))
    .map((target) => `${path}: ${folder} may not use ${target}`);
}

function includesOf(text: string): string[] {
  const matches = stripComments(text, true).matchAll(/^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)/gm);
  return [...matches].map((match) => match[1] ?? `<${match[2]}>`);
}

/** C++: includes are relative to native/; only native/napi knows Node. */
export function nativeFaults({ path, text }: SourceFile, table: LayerTable): string[] {
  const folder = path.split('/')[1] ?? '';
  const includes = includesOf(text);
  const own = includes.filter((include) => !include.startsWith('<'));
  const node = includes.filter((include) =>
    /^<?(napi|node_api|js_native_api|node|uv|v8)([-.].*)?\.h>?$/.test(include),
  );
  const faults = checkUses(
    path,
    folder,
    own.map((include) => include.split('/')[0] ?? ''),
    table,
  );
  if (folder !== 'napi')
    faults.push(...node.map((include) => `${path}: only native/napi may include ${include}`));
  return faults;
}

export function importsOf(text: string): string[] {
  const code = stripComments(text, true);
  const from = code.matchAll(/\b(?:import|export)\b[^;'"`]*?from\s*['"]([^'"]+)['"]/g);
  const bare = code.matchAll(/\bimport\s*\(?\s*['"]([^'"]+)['"]/g);
  return [...from, ...bare].map((match) => match[1] ?? '');
}

/** TypeScript: relative imports stay in src and obey the table; only src/native/binding.ts loads the addon. */
export function typescriptFaults({ path, text }: SourceFile, table: LayerTable): string[] {
  const folder = path.split('/')[1] ?? '';
  const faults: string[] = [];
  const targets: string[] = [];
  for (const name of importsOf(text).filter((specifier) => specifier.startsWith('.'))) {
    const target = normalize(join(dirname(path), name)).split('/');
    if (target[0] !== 'src') faults.push(`${path}: ${name} lies outside src`);
    else targets.push((target[1] ?? '').replace(/\.js$/, '.ts'));
  }
  faults.push(...checkUses(path, folder, targets, table));
  if (path !== 'src/native/binding.ts') {
    const loader = /\bcreateRequire\b|\bprocess\.dlopen\b|node-gyp-build|\.node['"`]/.exec(
      stripComments(text, true),
    );
    if (loader !== null) faults.push(`${path}: only src/native/binding.ts may load the addon (${loader[0]})`);
  }
  return faults;
}
