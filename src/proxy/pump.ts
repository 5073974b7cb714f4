import type { Readable, Writable } from 'node:stream';

/**
 * Moves bytes from `source` to `sink` and lets the source wait while the sink is full, so memory stays
 * bounded by the two streams' own marks. The caller handles 'end', errors and closing. Returns what stops it.
 */
export function pump(source: Readable, sink: Writable, onBytes: (count: number) => void): () => void {
  let waiting = false;
  const onDrain = (): void => {
    waiting = false;
    source.resume();
  };
  const onData = (chunk: Buffer): void => {
    onBytes(chunk.length);
    if (sink.write(chunk) || waiting) return;
    waiting = true;
    source.pause();
    sink.once('drain', onDrain);
  };
  source.on('data', onData);
  source.resume();
  return () => {
    source.removeListener('data', onData);
    sink.removeListener('drain', onDrain);
  };
}
