import type { DataPlaneOptions } from '../../src/index.js';

/**
 * The relays that take turns in the middle of the circuits: ours with C tor's interval between runs and with its own,
 * C tor with KIST (its default) and with Vanilla.
 */
export const TESTED = ['ours', 'oursDefault', 'ctor', 'ctorVanilla'] as const;
export type Tested = (typeof TESTED)[number];

/** What goes to the scene's process, as JSON. */
export interface SceneOptions {
  readonly relays: readonly Tested[];
}

/** A request to the scene, one a line, as JSON; it answers with an event named after `op`. */
export type SceneRequest =
  | { readonly op: 'bulk'; readonly relay: Tested; readonly circuits: number }
  | { readonly op: 'sample'; readonly relay: Tested }
  | { readonly op: 'idle' }
  | {
      readonly op: 'small';
      readonly relay: Tested;
      readonly count: number;
      readonly atOnce: number;
      readonly bytes: number;
    }
  | {
      readonly op: 'narrow';
      readonly relay: Tested;
      readonly bitsPerSecond: number;
      readonly queueBytes: number;
    }
  | { readonly op: 'widen' }
  | { readonly op: 'channels'; readonly relay: 'ours' | 'ctor'; readonly few: number; readonly many: number };

/** The moment of a relay under load. */
export interface LoadSample {
  readonly nowNs: number;
  /** User and system time of the relay's process, all threads. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** That reached the downloaders. */
  readonly payloadBytes: number;
  /** Bulk downloads that are still running. */
  readonly running: number;
  /** Of the whole machine, and of the scene's own processes. */
  readonly machineSeconds: number;
  readonly sceneSeconds: number;
  /** That left by the narrow link; 0 without one. */
  readonly linkBytes: number;
}

/** Milliseconds of one small download on a circuit of its own. */
export interface SmallDownload {
  readonly buildMs: number;
  readonly connectMs: number;
  readonly firstByteMs: number;
  readonly lastByteMs: number;
}

/** Resident bytes of a fresh relay that holds few and many idle TLS channels. */
export interface ChannelMemory {
  readonly fewBytes: number;
  readonly manyBytes: number;
}

/** What goes to the process of a relay of ours, as JSON. */
export interface TorRelayChildOptions {
  readonly nickname: string;
  readonly dataDirectory: string;
  readonly authorities: readonly {
    readonly nickname: string;
    readonly host: string;
    readonly dirPort: number;
    readonly orPort: number;
    readonly fingerprint: string;
  }[];
  readonly publishes: boolean;
  readonly dataPlane: DataPlaneOptions;
}
