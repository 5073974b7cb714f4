import type { TorrcNotice } from './assign.js';
import { parseLogs } from './log-option.js';
import type { TorrcFolders, TorrcLogging, TorrcProcess } from './torrc-config.js';
import type { TorrcValues } from './torrc-values.js';

const MIN_HEARTBEAT_MS = 30 * 60 * 1000;

/** `~/x` is within the home folder. */
function expandHome(path: string, home: string): string {
  return path === '~' || path.startsWith('~/') ? `${home}${path.slice(1)}` : path;
}

export function buildFolders(values: TorrcValues, home: string): TorrcFolders {
  const folder = (name: string, otherwise: string): string =>
    expandHome(values.text(name) ?? otherwise, home).replace(/(.)\/+$/, '$1');
  const dataDirectory = folder('DataDirectory', '~/.tor');
  const isReadable = values.isOn('DataDirectoryGroupReadable');
  const keysReadable = values.autoOrOn('KeyDirectoryGroupReadable');
  return {
    dataDirectory,
    dataDirectoryGroupReadable: isReadable,
    keyDirectory: folder('KeyDirectory', `${dataDirectory}/keys`),
    keyDirectoryGroupReadable:
      keysReadable === 'auto' ? isReadable && !values.isGiven('KeyDirectory') : keysReadable,
    cacheDirectory: folder('CacheDirectory', dataDirectory),
    avoidDiskWrites: values.isOn('AvoidDiskWrites'),
  };
}

function safeLogging(values: TorrcValues): TorrcLogging['safeLogging'] {
  const text = values.text('SafeLogging')?.toLowerCase() ?? '0';
  if (text === '0') return 'none';
  if (text === 'relay') return 'relay';
  if (text !== '1') values.refuse('SafeLogging', `Unrecognized value '"${text}"' in SafeLogging`);
  return 'all';
}

function heartbeat(values: TorrcValues, notices: TorrcNotice[]): number {
  const periodMs = values.intervalMs('HeartbeatPeriod');
  if (periodMs === 0 || periodMs >= MIN_HEARTBEAT_MS || values.isOn('TestingTorNetwork')) return periodMs;
  const text = `HeartbeatPeriod option is too short; raising to ${MIN_HEARTBEAT_MS / 1000} seconds.`;
  notices.push({ level: 'warn', text });
  return MIN_HEARTBEAT_MS;
}

export function buildLogging(values: TorrcValues, notices: TorrcNotice[], home: string): TorrcLogging {
  const granularity = values.milliseconds('LogTimeGranularity');
  if (granularity < 1) values.refuse('LogTimeGranularity', 'Log time granularity 0 has to be positive.');
  return {
    logs: parseLogs(values.lines('Log')).map((log) => ({ ...log, path: expandHome(log.path, home) })),
    logTimeGranularityMs: granularity,
    truncateLogFile: values.isOn('TruncateLogFile'),
    safeLogging: safeLogging(values),
    syslogIdentityTag: values.text('SyslogIdentityTag'),
    heartbeatPeriodMs: heartbeat(values, notices),
  };
}

/** Paths that would mean another place once a daemon has left its folder. */
const PATHS = ['DataDirectory', 'KeyDirectory', 'CacheDirectory', 'PidFile', 'ServerDNSResolvConfFile'];

export function buildProcess(values: TorrcValues, notices: TorrcNotice[], home: string): TorrcProcess {
  const runAsDaemon = values.isOn('RunAsDaemon');
  const relative = PATHS.filter((name) => /^[^/~]/.test(values.text(name) ?? ''));
  for (const name of relative)
    notices.push({ level: 'warn', text: `Path for ${name} (${values.text(name)}) is relative.` });
  if (runAsDaemon && relative.length > 0)
    values.refuse(
      'RunAsDaemon',
      'You have specified at least one relative path (see above) with the RunAsDaemon option. RunAsDaemon is not compatible with relative paths.',
    );
  const connLimit = values.number('ConnLimit');
  if (connLimit <= 0)
    values.refuse('ConnLimit', `ConnLimit must be greater than 0, but was set to ${connLimit}`);
  const pidFile = values.text('PidFile');
  return {
    runAsDaemon,
    pidFile: pidFile === undefined ? undefined : expandHome(pidFile, home),
    user: values.text('User'),
    keepBindCapabilities: values.autoOrOn('KeepBindCapabilities'),
    disableAllSwap: values.isOn('DisableAllSwap'),
    shutdownWaitLengthMs: values.intervalMs('ShutdownWaitLength'),
    connLimit,
  };
}
