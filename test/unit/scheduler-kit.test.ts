import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KitChannel, ManualClock, SchedulerKit } from '../../src/testing/index.js';
import type { KitChannelOptions, SchedulerKitOptions, TcpInfoEntry } from '../../src/testing/index.js';

/** What a program without types might pass. */
function wrong<T>(value: unknown): T {
  return value as T;
}

function refuses(act: () => unknown, argument: string): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof TypeError, String(error));
    assert.equal((error as TypeError & { code?: string }).code, 'ERR_KIST_ARGUMENT');
    assert.match(error.message, new RegExp(`^${argument} must be `));
    return true;
  });
}

test('wrong options are TypeErrors that name the argument', () => {
  const options: readonly (readonly [unknown, string])[] = [
    [null, 'options'],
    [{ policy: 'fifo' }, 'policy'],
    [{ runIntervalMs: 101 }, 'runIntervalMs'],
    [{ runIntervalMs: '10' }, 'runIntervalMs'],
    [{ sockBufSizeFactor: NaN }, 'sockBufSizeFactor'],
    [{ sockBufSizeFactor: -1 }, 'sockBufSizeFactor'],
    [{ circuitPriorityHalflifeMs: -1 }, 'circuitPriorityHalflifeMs'],
    [{ drainWake: 1 }, 'drainWake'],
    [{ reactors: 0 }, 'reactors'],
    [{ reactors: 1.5 }, 'reactors'],
    [{ runInterval: 10 }, 'runInterval'],
  ];
  for (const [value, argument] of options) {
    refuses(() => new SchedulerKit(wrong<SchedulerKitOptions>(value)), argument);
  }
});

test('wrong arguments of channels and circuits are TypeErrors, and change nothing', () => {
  const kit = new SchedulerKit({ reactors: 2 });
  const channels: readonly (readonly [unknown, string])[] = [
    [{ mux: 'lifo' }, 'mux'],
    [{ reactor: 2 }, 'reactor'],
    [{ tcpInfo: { cwnd: -1 } }, 'cwnd'],
    [{ tcpInfo: { mss: 2 ** 32 } }, 'mss'],
    [{ tcpInfo: 'fine' }, 'tcpInfo'],
    [{ tcpInfo: { window: 1 } }, 'window'],
    [{ kernelTakes: -1 }, 'kernelTakes'],
    [{ cellBytes: 0 }, 'cellBytes'],
  ];
  for (const [value, argument] of channels) {
    refuses(() => kit.channel(wrong<KitChannelOptions>(value)), argument);
  }
  const channel = kit.channel();
  assert.equal(channel.number, 1);
  const circuit = channel.circuit();
  refuses(() => circuit.queue(0), 'cells');
  refuses(() => circuit.queue(1.5), 'cells');
  refuses(() => channel.circuits(-1), 'count');
  refuses(() => channel.script(wrong<TcpInfoEntry[]>({})), 'entries');
  refuses(() => channel.script([wrong<TcpInfoEntry>({ fromMs: 1 })]), 'entries');
  refuses(() => channel.script([wrong<TcpInfoEntry>({ fromMs: -1, error: 'error' })]), 'fromMs');
  refuses(() => channel.script([wrong<TcpInfoEntry>({ fromMs: 1, error: 'EIO' })]), 'error');
  refuses(() => channel.script([wrong<TcpInfoEntry>(undefined)]), 'entries');
  refuses(() => channel.setWritable(wrong<boolean>('yes')), 'writable');
  refuses(() => channel.setKernelTakes(NaN), 'bytes');
  refuses(() => channel.drainOutbuf(-1), 'bytes');
  refuses(() => kit.advance(-1), 'ms');
  refuses(() => kit.setClockStep(-1), 'ms');
  refuses(() => kit.stats(2), 'reactor');
  refuses(() => kit.configure({ maxRunMs: -1 }), 'maxRunMs');
  refuses(() => kit.configure(wrong({ reactors: 3 })), 'reactors');
  assert.equal(circuit.queued, 0);
  assert.equal(kit.nextWakeMs, undefined);
});

test('a closed channel says so', () => {
  const kit = new SchedulerKit();
  const channel = kit.channel();
  const circuit = channel.circuit().queue(3);
  channel.close();
  const closed = { name: 'KistError', code: 'ERR_KIST_CLOSED', message: 'channel 1 is closed' };
  const acts = [
    () => circuit.queue(1),
    () => circuit.drop(),
    () => channel.circuit(),
    () => channel.queueDestroy(),
    () => channel.drained(),
    () => channel.script([{ fromMs: 0, error: 'error' }]),
    () => channel.setWritable(true),
  ];
  for (const act of acts) assert.throws(act, closed);
  assert.deepEqual([circuit.queued, channel.state], [0, 'closed']);
});

test('time moves by tick() and advance() only, and runs know their time', () => {
  const kit = new SchedulerKit({ lightWake: false });
  assert.ok(kit.channel() instanceof KitChannel);
  assert.equal(kit.tick(), false);
  assert.equal(kit.nowMs, 0);
  assert.equal(kit.advance(2.5), 0);
  const circuit = kit.channel({ tcpInfo: { cwnd: 1, unacked: 1, mss: 512 } }).circuit();
  circuit.queue(3);
  assert.equal(kit.nowMs, 2.5);
  assert.equal(circuit.sent, 0);
  assert.equal(kit.advance(25), 3);
  assert.equal(kit.nowMs, 27.5);
  assert.deepEqual(
    kit.takeWrites().map(({ run, timeMs }) => [run, timeMs]),
    [
      [1, 2.5],
      [2, 12.5],
      [3, 22.5],
    ],
  );
  assert.deepEqual(kit.takeWrites(), []);
});

test('numbers of channels and circuits count over all reactors', () => {
  const kit = new SchedulerKit({ reactors: 3, lightWake: false });
  const channels = [2, 0, 1].map((reactor) => kit.channel({ reactor, tcpInfo: { cwnd: 9 } }));
  const circuits = [0, 1, 2, 0].map((index) => channels[index]?.circuit().queue(1));
  assert.deepEqual(
    circuits.map((circuit) => [circuit?.number, circuit?.channel.number, circuit?.channel.reactor]),
    [
      [1, 1, 2],
      [2, 2, 0],
      [3, 3, 1],
      [4, 1, 2],
    ],
  );
  kit.tick();
  assert.deepEqual(
    kit.takeWrites().map(({ reactor, channel, circuit }) => [reactor, channel, circuit]),
    [
      [0, 2, 2],
      [1, 3, 3],
      [2, 1, 1],
      [2, 1, 4],
    ],
  );
  assert.deepEqual(
    kit.takeOutbufWrites().map(({ channel, bytes }) => [channel, bytes]),
    [
      [2, 512],
      [3, 512],
      [1, 1024],
    ],
  );
});

test('the manual clock of the kit fires timers when told', () => {
  const clock = new ManualClock();
  const fired: number[] = [];
  clock.setTimeout(() => fired.push(clock.now()), 5);
  clock.advance(4);
  assert.deepEqual(fired, []);
  clock.advance(1);
  assert.deepEqual(fired, [5]);
});
