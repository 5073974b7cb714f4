import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KistError, messageOf } from '../util/errors.js';
import type { NativeBinding } from './binding-types.js';

const require = createRequire(import.meta.url);

/** The folder of this package: the nearest one upwards that has a package.json. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder)
      throw new KistError('ERR_KIST_ADDON', 'the package has no package.json', 'operator');
    folder = parent;
  }
  return folder;
}

/**
 * Loads the addon: the file that KIST_RELAY_ADDON names, else the one built in or shipped with this package. Nothing
 * is loaded before the first call, so that `--help` and the registration service work without it.
 */
export function loadBinding(
  environment: NodeJS.ProcessEnv = process.env,
  platform = process.platform,
): NativeBinding {
  if (platform !== 'linux') {
    const message = `kist-relay runs on Linux only (its scheduler reads the Linux kernel's TCP_INFO); this is ${platform}`;
    throw new KistError('ERR_KIST_PLATFORM', message, 'operator');
  }
  const path = environment['KIST_RELAY_ADDON'];
  try {
    if (path !== undefined && path !== '') return require(resolve(path)) as NativeBinding;
    const load = require('node-gyp-build') as (folder: string) => NativeBinding;
    return load(packageRoot());
  } catch (error) {
    const what =
      path === undefined || path === '' ? 'the native addon' : `the addon ${path} (KIST_RELAY_ADDON)`;
    const advice = 'run `npm run build` in the package (it needs a C++20 compiler, make and Python 3)';
    throw new KistError(
      'ERR_KIST_ADDON',
      `cannot load ${what}: ${firstLine(error)}; ${advice}`,
      'operator',
      error,
    );
  }
}

function firstLine(error: unknown): string {
  return messageOf(error).split('\n', 1)[0] ?? '';
}
