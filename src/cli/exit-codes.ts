import { codeOf } from '../util/errors.js';

/** What the process says when it ends. The table of README is made from this one. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  registration: 3,
  address: 4,
  platform: 5,
  smoke: 6,
} as const;

/** Each code's meaning, for people; a second signal adds its number to 128. */
export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT.ok, 'Done; also after a clean stop by Ctrl-C, SIGTERM or SIGHUP.'],
  [EXIT.unexpected, 'Something unexpected failed, or the stop took longer than 5 s.'],
  [EXIT.usage, 'Wrong command, argument or option.'],
  [EXIT.registration, 'The registration service cannot be reached.'],
  [EXIT.address, 'An address or a port cannot be listened on (in use, not ours, not permitted).'],
  [
    EXIT.platform,
    'This system cannot run it: not Linux, Node too old, the addon does not load, or `tor` is missing.',
  ],
  [EXIT.smoke, 'The smoke test failed.'],
  [130, 'Ended at once by a second Ctrl-C (143 by a second SIGTERM, 129 by a second SIGHUP).'],
];

const EXIT_BY_CODE: Readonly<Record<string, number>> = {
  ERR_KIST_USAGE: EXIT.usage,
  ERR_KIST_OPTION: EXIT.usage,
  ERR_KIST_ARGUMENT: EXIT.usage,
  ERR_KIST_ROUTER_NAME: EXIT.usage,
  ERR_KIST_REGISTRATION_UNREACHABLE: EXIT.registration,
  ERR_KIST_BIND: EXIT.address,
  ERR_KIST_LISTEN: EXIT.address,
  EADDRINUSE: EXIT.address,
  EADDRNOTAVAIL: EXIT.address,
  EACCES: EXIT.address,
  ERR_KIST_PLATFORM: EXIT.platform,
  ERR_KIST_ADDON: EXIT.platform,
  ERR_KIST_TOR_MISSING: EXIT.platform,
  ERR_KIST_SMOKE: EXIT.smoke,
};

/** The exit code for anything thrown. */
export function exitCodeOf(error: unknown): number {
  return EXIT_BY_CODE[codeOf(error) ?? ''] ?? EXIT.unexpected;
}
