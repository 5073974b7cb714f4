/**
 * What benches share. A bench measures cases; a case is a named figure with its spread over an odd number of trials.
 * Every trial runs in processes of its own, by turns with those it is compared to. A trial that proved nothing says why
 * and has no value.
 */
import type { ChildSet } from './child-set.js';

export interface CaseResult {
  readonly name: string;
  readonly unit: string;
  /** Median of the valid trials; null when fewer than half of them were valid. */
  readonly value: number | null;
  /** Smallest and largest of the valid trials. */
  readonly spread: readonly [min: number, max: number] | null;
  /** One place a trial, in the order in which they ran; null: not valid. */
  readonly trials: readonly (number | null)[];
  /** Why trials were not valid, each reason once. */
  readonly invalid: readonly string[];
  /** What else was set or seen: congestion control, MSS, the criterion that made trials valid, bounds to meet. */
  readonly notes?: Readonly<Record<string, string | number | boolean>>;
}

export interface Bench {
  readonly name: string;
  /** One line for `npm run bench` without a name. */
  readonly about: string;
  run(context: BenchContext): Promise<readonly CaseResult[]>;
}

export interface BenchContext {
  /** Fewer and shorter trials: shows that the bench works, not more. */
  readonly quick: boolean;
  /** Show where the time goes, in benches that can. */
  readonly profile: boolean;
  /** What the bench starts goes in here and ends with it. */
  readonly children: ChildSet;
  readonly signal: AbortSignal;
  /** False when the case filter leaves this name out: nothing need be measured for it. */
  wants(caseName: string): boolean;
  /** Path of a program of bench/native; built on first use. */
  program(name: string): Promise<string>;
  /** Progress, for people; not on standard output. */
  log(text: string): void;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly node: string;
  /** The system's; benches that set their own say so in the notes of a case. */
  readonly congestionControl: string;
}

export interface BenchReport {
  readonly bench: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly cases: readonly CaseResult[];
}

/** Figures of one trial by name, or why it proves nothing. */
export type Trial =
  | { readonly valid: true; readonly figures: Readonly<Record<string, number>> }
  | { readonly valid: false; readonly reason: string };
