import { createSocket } from 'node:dgram';
import type { HostPort, RelayConfig } from '../config/index.js';
import type { NativeSocketOptions } from '../native/binding-types.js';
import type { DataPlaneOptions } from '../native/data-plane-options.js';
import { KistError, codeOf, messageOf } from '../util/errors.js';

/** The data plane that a configuration asks for. Policies that the addon lacks are passed over. */
export function dataPlaneOptions(config: RelayConfig, usable: readonly string[]): DataPlaneOptions {
  const policy = config.schedulers.find((name) => usable.includes(name));
  if (policy === undefined) {
    const message = `none of the schedulers ${config.schedulers.join(', ')} is usable here`;
    throw new KistError('ERR_KIST_OPTION', message, 'operator');
  }
  const { memoryBudgetBytes } = config;
  return {
    threads: config.threads,
    mux: config.mux,
    circuitStallMs: config.circuitStallMs,
    streamStallMs: config.streamStallMs,
    circuitIdleMs: config.circuitIdleMs,
    ...(memoryBudgetBytes === undefined ? {} : { memoryBudget: memoryBudgetBytes }),
    scheduler: {
      policy,
      runIntervalMs: config.schedRunIntervalMs,
      minRunGapMs: config.minRunGapMs,
      sockBufSizeFactor: config.sockBufSizeFactor,
      circuitPriorityHalflifeMs: config.circuitPriorityHalflifeMs,
      drainWake: config.drainWake,
      lightWake: config.lightWake,
      fullWake: config.fullWake,
      pacingCap: config.pacingCap,
    },
  };
}

export function socketOptions({ congestionControl }: RelayConfig): { socket?: NativeSocketOptions } {
  return congestionControl === undefined ? {} : { socket: { congestionControl } };
}

/** A congestion control that the kernel lacks shows only when a socket asks for it, as a bare ENOENT. */
export function explainStart(error: unknown, { congestionControl }: RelayConfig): unknown {
  if (congestionControl === undefined || codeOf(error) !== 'ENOENT') return error;
  const message = `--congestion-control must be one that this kernel has, got ${JSON.stringify(congestionControl)}`;
  return new KistError('ERR_KIST_OPTION', message, 'operator', error);
}

/**
 * The address to tell others: the bound one, or for a relay on every address (0.0.0.0) the one from which this machine
 * reaches the registration service. Sends nothing.
 */
export async function publicHost(bind: string, registration: HostPort): Promise<string> {
  if (bind !== '0.0.0.0') return bind;
  const socket = createSocket('udp4');
  try {
    return await new Promise<string>((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(registration.port, registration.host, (error?: Error) => {
        if (error === undefined) resolve(socket.address().address);
        else reject(error);
      });
    });
  } catch (error) {
    const message = `cannot tell this machine's address toward ${registration.host}: ${messageOf(error)}`;
    throw new KistError('ERR_KIST_REGISTRATION_UNREACHABLE', message, 'operator', error);
  } finally {
    socket.close();
  }
}
