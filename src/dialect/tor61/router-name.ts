/**
 * Names and numbers of Tor61 routers. A router of group G and instance I is registered as `Tor61Router-GGGG-IIII`
 * (decimal, leading zeroes); its agent ID is the unsigned 32-bit number G << 16 | I.
 */
import { KistError } from '../../util/errors.js';

export const ROUTER_NAME_PREFIX = 'Tor61Router-';
const MAX_NUMBER = 9999;

export interface RouterNumber {
  readonly group: number;
  readonly instance: number;
}

function check(what: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  const message = `${what} must be a whole number from ${min} to ${max}, got ${String(value)}`;
  throw new KistError('ERR_KIST_ROUTER_NAME', message, 'operator');
}

/** `Tor61Router-0057-0001`. The group is 1 to 9999 and the instance 0 to 9999: four decimal digits each. */
export function formatRouterName(group: number, instance: number): string {
  check('group number', group, 1, MAX_NUMBER);
  check('instance number', instance, 0, MAX_NUMBER);
  return `${ROUTER_NAME_PREFIX}${pad(group)}-${pad(instance)}`;
}

/**
 * Group and instance of a name, or undefined. Lenient, for names of others: unpadded numbers up to 65535 are read.
 * Some agents write hexadecimal; that cannot be told from decimal unless a letter occurs, and then it is undefined.
 */
export function parseRouterName(name: string): RouterNumber | undefined {
  const match = /^Tor61Router-(\d{1,5})-(\d{1,5})$/.exec(name);
  if (match === null) return undefined;
  const group = Number(match[1]);
  const instance = Number(match[2]);
  return group > 0xffff || instance > 0xffff ? undefined : { group, instance };
}

/** group << 16 | instance, as an unsigned number. */
export function agentIdOf(group: number, instance: number): number {
  check('group number', group, 0, 0xffff);
  check('instance number', instance, 0, 0xffff);
  return ((group << 16) | instance) >>> 0;
}

/** The group and instance that an agent ID would have if its owner follows the rule; some use random numbers. */
export function routerNumberOf(agentId: number): RouterNumber {
  return { group: agentId >>> 16, instance: agentId & 0xffff };
}

/** What to call a relay of which only the agent ID is known: its name by the rule, or the number in hexadecimal. */
export function routerLabel(agentId: number): string {
  const { group, instance } = routerNumberOf(agentId);
  if (group >= 1 && group <= MAX_NUMBER && instance <= MAX_NUMBER) return formatRouterName(group, instance);
  return `agent-${agentId.toString(16).padStart(8, '0')}`;
}

function pad(value: number): string {
  return String(value).padStart(4, '0');
}
