import type { TorProcess } from './tor-process.js';

/** The address of everything in a test network. */
export const HOST = '127.0.0.1';

export type TestNodeRole = 'authority' | 'relay' | 'exit' | 'client';

/** One node before it runs: its place, ports and names. A port of 0 means that the role has none. */
export interface TestNodePlan {
  readonly role: TestNodeRole;
  /** Its nickname in the consensus; clients have none there. */
  readonly name: string;
  readonly folder: string;
  readonly orPort: number;
  readonly dirPort: number;
  readonly socksPort: number;
  readonly controlPort: number;
}

/** A planned node with its keys. `fingerprint` is empty for a client, `v3Identity` for all but authorities. */
export interface TestNodeKeys extends TestNodePlan {
  readonly fingerprint: string;
  readonly v3Identity: string;
}

/** A running node of a test network. */
export interface TestNode extends TestNodeKeys {
  readonly process: TorProcess;
}

/** How many ports a role needs: authorities two, relays one, clients two. */
export function portsOf(role: TestNodeRole): number {
  return role === 'authority' || role === 'client' ? 2 : 1;
}
