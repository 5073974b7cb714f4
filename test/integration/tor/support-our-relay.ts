import type { TestNetwork } from '../../../src/network/testnet/index.js';

export interface OurRelayOptions {
  readonly network: TestNetwork;
  readonly nickname: string;
  /** An exit accepts streams to loopback; a middle none. */
  readonly role: 'middle' | 'exit';
}

/** A relay of ours that runs and was accepted by the authorities. */
export interface OurRelay {
  /** 40 upper case hexadecimal digits. */
  readonly fingerprint: string;
  stop(): Promise<void>;
}

/** Why a relay of ours cannot be started; false when it can. */
export const ourRelayMissing: string | false = 'skipped: needs TorRelay';

/** Starts a relay of ours that joins the network. It may still be unknown to the consensus. */
export function startOurRelay(options: OurRelayOptions): Promise<OurRelay> {
  return Promise.reject(new Error(`${options.nickname}: ${String(ourRelayMissing)}`));
}
