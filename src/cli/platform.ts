import { KistError } from '../util/errors.js';

const MIN_NODE = [20, 19] as const;

/** Throws `ERR_KIST_PLATFORM` where relays cannot run, before anything else fails in an obscure way. */
export function checkPlatform(
  platform: string = process.platform,
  node: string = process.versions.node,
): void {
  if (platform !== 'linux') {
    throw new KistError('ERR_KIST_PLATFORM', `relays run on Linux only, this is ${platform}`, 'system');
  }
  const [major = 0, minor = 0] = node.split('.').map(Number);
  if (major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1])) return;
  const message = `Node ${MIN_NODE.join('.')} or later is needed, this is ${node}`;
  throw new KistError('ERR_KIST_PLATFORM', message, 'system');
}
