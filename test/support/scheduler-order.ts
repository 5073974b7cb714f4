import type { CellWrite, SchedulerKit, TcpInfoFigures } from '../../src/testing/index.js';

/** A configuration whose runs are timed only, with every pending channel asked in each. */
export const TIMED_ONLY = { drainWake: false, lightWake: false, fullWake: false, parking: false };

/** Figures whose limit is exactly `cells` cells of 512 bytes: nothing can be sent now, the reserve is one window. */
export function roomFor(cells: number): TcpInfoFigures {
  return { cwnd: cells, unacked: cells, mss: 512, notsent: 0 };
}

/** A window that no test fills. */
export const WIDE: TcpInfoFigures = { cwnd: 1_000_000, mss: 1448 };

/** One letter a cell, in the order of leaving: a is circuit 1; D a DESTROY. */
export function letters(writes: readonly CellWrite[]): string {
  return writes
    .map(({ circuit, cells }) =>
      (circuit === 'destroy' ? 'D' : String.fromCharCode(96 + circuit)).repeat(cells),
    )
    .join('');
}

/** The circuit of each cell, in the order of leaving. */
export function cellOrder(writes: readonly CellWrite[]): (number | 'destroy')[] {
  return writes.flatMap(({ circuit, cells }) => Array<number | 'destroy'>(cells).fill(circuit));
}

/** Does `runs` runs and returns the letters of all. */
export function lettersOfRuns(kit: SchedulerKit, runs = 1): string {
  kit.takeWrites();
  for (let i = 0; i < runs; ++i) kit.tick();
  return letters(kit.takeWrites());
}
