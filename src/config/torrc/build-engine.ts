import { SCHEDULER_NAMES } from '../relay-config.js';
import type { SchedulerName } from '../relay-config.js';
import type { TorrcNotice } from './assign.js';
import type { TorrcDos, TorrcEngine } from './torrc-config.js';
import type { TorrcValues } from './torrc-values.js';

const MAX_RUN_INTERVAL_MS = 100;
/** Less is raised to this, and told of below the second. */
const MIN_QUEUE_BYTES = 64 * 1024 * 1024;
const LOW_QUEUE_BYTES = 256 * 1024 * 1024;

function schedulers(values: TorrcValues): SchedulerName[] {
  const written = values.list('Schedulers');
  if (written.length === 0)
    values.refuse(
      'Schedulers',
      'Empty Schedulers list. Either remove the option so the defaults can be used or set at least one value.',
    );
  const names = written.map((text) => {
    const plain = text.toLowerCase();
    const name = SCHEDULER_NAMES.find((candidate) => candidate.replace('-', '') === plain);
    return (
      name ??
      values.refuse(
        'Schedulers',
        `Unknown type "${text}" in option Schedulers. Possible values are KIST, KISTLite and Vanilla.`,
      )
    );
  });
  return [...new Set(names)];
}

function runInterval(values: TorrcValues): number {
  const interval = values.milliseconds('KISTSchedRunInterval');
  if (interval > MAX_RUN_INTERVAL_MS)
    values.refuse(
      'KISTSchedRunInterval',
      `KISTSchedRunInterval must not be more than ${MAX_RUN_INTERVAL_MS} (ms)`,
    );
  // As everywhere here: more often than every 2 ms is not run.
  return interval === 1 ? 2 : interval;
}

function queueBytes(values: TorrcValues, notices: TorrcNotice[]): number {
  const bytes = values.bytes('MaxMemInQueues');
  if (bytes === 0 || bytes >= LOW_QUEUE_BYTES) return bytes;
  const text =
    bytes < MIN_QUEUE_BYTES
      ? 'MaxMemInQueues must be at least 64 MB on servers for now. Ideally, have it as large as you can afford.'
      : "MaxMemInQueues is set to a low value; if your relay doesn't work, this may be the reason why.";
  notices.push({ level: 'warn', text });
  return Math.max(bytes, MIN_QUEUE_BYTES);
}

export function buildEngine(values: TorrcValues, notices: TorrcNotice[]): TorrcEngine {
  const factor = values.number('KISTSockBufSizeFactor');
  if (factor < 0) values.refuse('KISTSockBufSizeFactor', 'KISTSockBufSizeFactor must be at least 0');
  const halflife = values.number('CircuitPriorityHalflife');
  return {
    numCpus: values.number('NumCPUs'),
    schedulers: schedulers(values),
    kistSchedRunIntervalMs: runInterval(values),
    kistSockBufSizeFactor: factor,
    circuitPriorityHalflifeMs: halflife < 0 ? undefined : halflife * 1000,
    maxMemInQueuesBytes: queueBytes(values, notices),
    maxOnionQueueDelayMs: values.milliseconds('MaxOnionQueueDelay'),
  };
}

export function buildDos(values: TorrcValues): TorrcDos {
  return {
    circuitCreation: {
      enabled: values.autoOrOn('DoSCircuitCreationEnabled'),
      minConnections: values.number('DoSCircuitCreationMinConnections'),
      rate: values.number('DoSCircuitCreationRate'),
      burst: values.number('DoSCircuitCreationBurst'),
      defenseType: values.number('DoSCircuitCreationDefenseType'),
      defenseTimePeriodMs: values.intervalMs('DoSCircuitCreationDefenseTimePeriod'),
    },
    connection: {
      enabled: values.autoOrOn('DoSConnectionEnabled'),
      maxConcurrentCount: values.number('DoSConnectionMaxConcurrentCount'),
      defenseType: values.number('DoSConnectionDefenseType'),
      connectRate: values.number('DoSConnectionConnectRate'),
      connectBurst: values.number('DoSConnectionConnectBurst'),
      connectDefenseTimePeriodMs: values.intervalMs('DoSConnectionConnectDefenseTimePeriod'),
    },
    streamCreation: {
      enabled: values.autoOrOn('DoSStreamCreationEnabled'),
      rate: values.number('DoSStreamCreationRate'),
      burst: values.number('DoSStreamCreationBurst'),
      defenseType: values.number('DoSStreamCreationDefenseType'),
    },
    refuseSingleHopClientRendezvous: values.autoOrOn('DoSRefuseSingleHopClientRendezvous'),
  };
}
