import { createHash } from 'node:crypto';

const PERIOD = 251 * 257;
const PATTERN = makePattern();

/** Bytes `from .. from + count` of an endless pattern: any lost, doubled or moved piece changes the hash. */
export function bytesOf(from: number, count: number): Buffer {
  const out = Buffer.allocUnsafe(count);
  for (let done = 0; done < count;) {
    const at = (from + done) % PERIOD;
    done += PATTERN.copy(out, done, at, Math.min(PERIOD, at + count - done));
  }
  return out;
}

export function sha256(data: Buffer | string): string {
  return createHash('sha256').update(data).digest('hex');
}

/** One period: longer than any buffer's size is not needed, only that it is no divisor of one. */
function makePattern(): Buffer {
  const pattern = Buffer.allocUnsafe(PERIOD);
  let state = 0x2545f491;
  for (let i = 0; i < PERIOD; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    pattern[i] = state & 255;
  }
  return pattern;
}
