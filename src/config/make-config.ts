import { argumentError } from '../util/errors.js';
import type { RelayConfig } from './relay-config.js';
import { listOptions } from './schema.js';

/** A whole configuration, and what its owner should know about it. */
export interface CheckedConfig {
  readonly config: RelayConfig;
  readonly warnings: readonly string[];
}

function shown(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}

/**
 * Checks what a program set and fills in the defaults. A wrong value or an unknown name is a TypeError
 * (`ERR_KIST_ARGUMENT`) that names it.
 */
export function makeConfig(settings: Partial<RelayConfig> = {}): CheckedConfig {
  const warnings: string[] = [];
  const known = new Map(listOptions().map((option) => [option.key as string, option]));
  for (const [key, value] of Object.entries(settings)) {
    const option = known.get(key);
    if (option === undefined) throw argumentError(key, 'left out: there is no such option', shown(value));
    if (value !== undefined && !option.kind.isValid(value))
      throw argumentError(key, option.kind.expected, shown(value));
  }
  const entries = listOptions().map((option) => {
    const value = settings[option.key] ?? option.default;
    const adjusted = option.adjust?.(value) ?? { value };
    if (adjusted.warning !== undefined) warnings.push(adjusted.warning);
    return [option.key, adjusted.value];
  });
  return { config: Object.fromEntries(entries) as RelayConfig, warnings };
}
