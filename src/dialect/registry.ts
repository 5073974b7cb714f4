import { argumentError } from '../util/errors.js';
import type { ControlDialect } from './control-dialect.js';
import { tor61Dialect } from './tor61/tor61-dialect.js';

/** The control dialects by name, one line each; the data plane's table has the same names. */
export const DIALECTS: ReadonlyMap<string, ControlDialect> = new Map([[tor61Dialect.name, tor61Dialect]]);

/** A dialect by name; a TypeError that lists the known ones otherwise. */
export function dialectNamed(name: string): ControlDialect {
  const dialect = DIALECTS.get(name);
  if (dialect === undefined)
    throw argumentError('dialect', `one of ${[...DIALECTS.keys()].join(', ')}`, name);
  return dialect;
}
