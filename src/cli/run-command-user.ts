import { chownSync, mkdirSync, readFileSync } from 'node:fs';
import type { TorrcConfig } from '../config/torrc/index.js';
import { KistError, messageOf } from '../util/errors.js';

export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The account of that name in /etc/passwd, or undefined. */
export function findAccount(
  name: string,
  passwd: string = readFileSync('/etc/passwd', 'utf8'),
): Account | undefined {
  for (const line of passwd.split('\n')) {
    const [found, , uid, gid] = line.split(':');
    if (found === name && name !== '') return { name, uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

function refuse(user: string, why: string): never {
  throw new KistError('ERR_KIST_USER', `User ${user}: ${why}`, 'operator');
}

/** The account to change to, or undefined when there is nothing to change. Throws `ERR_KIST_USER`. */
export function accountToBecome(config: Pick<TorrcConfig, 'user'>): Account | undefined {
  const { user } = config;
  if (user === undefined) return undefined;
  const account = findAccount(user) ?? refuse(user, 'there is no such account in /etc/passwd');
  if (account.uid === process.getuid?.()) return undefined;
  if (process.getuid?.() !== 0) refuse(user, 'only root can change to another account');
  return account;
}

/** Makes the folders that the relay writes to, with the account as their owner, while there is the right to. */
export function prepareFolders(
  config: Pick<TorrcConfig, 'dataDirectory' | 'dataDirectoryGroupReadable'>,
  account: Account | undefined,
): void {
  const { dataDirectory, dataDirectoryGroupReadable } = config;
  try {
    const made = mkdirSync(dataDirectory, {
      recursive: true,
      mode: dataDirectoryGroupReadable ? 0o750 : 0o700,
    });
    if (account !== undefined && made !== undefined) chownSync(dataDirectory, account.uid, account.gid);
  } catch (error) {
    throw new KistError(
      'ERR_KIST_DATA_DIRECTORY',
      `DataDirectory ${dataDirectory}: ${messageOf(error)}`,
      'operator',
      error,
    );
  }
}

/** Node has it on every POSIX system; its declared types lack it. */
interface GroupSetter {
  readonly initgroups?: (user: string, extraGroup: number) => void;
}

/** Gives up the rights of root for good, in every thread. */
export function becomeAccount({ name, uid, gid }: Account): void {
  try {
    (process as GroupSetter).initgroups?.(name, gid);
    process.setgid?.(gid);
    process.setuid?.(uid);
  } catch (error) {
    refuse(name, messageOf(error));
  }
}
