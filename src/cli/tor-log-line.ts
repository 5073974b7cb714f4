import type { TorLogLevel } from '../config/torrc/index.js';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** `Nov 21 22:38:48.000`: local time without a year, rounded down to the granularity. */
export function formatStamp(date: Date, granularityMs: number): string {
  const rounded = new Date(date.getTime() - (date.getTime() % Math.max(1, granularityMs)));
  const day = `${MONTHS[rounded.getMonth()]} ${two(rounded.getDate())}`;
  const time = [rounded.getHours(), rounded.getMinutes(), rounded.getSeconds()].map(two).join(':');
  return `${day} ${time}.${String(rounded.getMilliseconds()).padStart(3, '0')}`;
}

/** One line whatever the text holds: readers of log files give up at a line without time and level. */
export function oneLine(text: string): string {
  return text
    .trim()
    .replace(/\s*\n\s*/g, '; ')
    .replace(/\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** `Mon DD HH:MM:SS.mmm [level] text`. */
export function formatLogLine(date: Date, granularityMs: number, level: TorLogLevel, text: string): string {
  return `${formatStamp(date, granularityMs)} [${level}] ${oneLine(text)}\n`;
}

const LEVELS: readonly (readonly [atLeast: number, level: TorLogLevel])[] = [
  [50, 'err'],
  [40, 'warn'],
  [30, 'notice'],
  [20, 'info'],
];
const OWN_FIELDS = ['level', 'time', 'msg', 'pid', 'hostname', 'name', 'v'];

function showField(value: unknown): string {
  if (typeof value === 'object' && value !== null && 'message' in value) return String(value.message);
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/** A line of our own logger (JSON) in C tor's terms: our `info` is its notice, our `debug` its info. */
export function readLoggerLine(json: string): { level: TorLogLevel; text: string } {
  const line = JSON.parse(json) as Record<string, unknown>;
  const number = typeof line.level === 'number' ? line.level : 30;
  const level = LEVELS.find(([atLeast]) => number >= atLeast)?.[1] ?? 'debug';
  const fields = Object.entries(line).filter(([name]) => !OWN_FIELDS.includes(name));
  const shown = fields.map(([name, value]) => `${name}=${showField(value)}`).join(', ');
  const message = typeof line.msg === 'string' ? line.msg : '';
  return { level, text: shown === '' ? message : `${message} (${shown})`.trim() };
}
