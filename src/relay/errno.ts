import { getSystemErrorName } from 'node:util';

/** `ECONNREFUSED` and the like for a positive errno; 0 stands for a deadline. */
export function describeErrno(errno: number): string {
  if (errno === 0) return 'no answer in time';
  try {
    return getSystemErrorName(-Math.abs(errno));
  } catch {
    return `errno ${errno}`;
  }
}
