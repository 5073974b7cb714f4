import { ExitPolicy } from '../../directory/exit-policy.js';
import { makeExitPolicy } from '../../directory/exit-policy-settings.js';
import type { ExitPolicySettings } from '../../directory/exit-policy-settings.js';
import { messageOf } from '../../util/errors.js';
import type { TorrcNotice } from './assign.js';
import type { TorrcExit } from './torrc-config.js';
import type { TorrcValues } from './torrc-values.js';

/** C tor: an exit only when told so, or (ExitRelay auto) when a policy was written. */
function isExit(values: TorrcValues): boolean {
  const exitRelay = values.autoOrOn('ExitRelay');
  if (exitRelay !== 'auto') return exitRelay;
  return values.isGiven('ExitPolicy') || values.isOn('ReducedExitPolicy') || values.isOn('IPv6Exit');
}

/** Checks the entries at once, so that a wrong one is told with its line. */
export function checkPolicy(name: string, values: TorrcValues): string[] {
  return values.lines(name).map((line) => {
    try {
      ExitPolicy.parse([line.text]);
    } catch (error) {
      values.refuse(name, `Error in ${name} entry. ${messageOf(error)}`);
    }
    return line.text;
  });
}

function exitPolicy(values: TorrcValues, notices: TorrcNotice[]): ExitPolicySettings | undefined {
  if (!isExit(values)) return undefined;
  const lines = checkPolicy('ExitPolicy', values);
  const settings: ExitPolicySettings = {
    lines,
    ipv6Exit: values.isOn('IPv6Exit'),
    rejectPrivate: values.isOn('ExitPolicyRejectPrivate'),
    ownAddresses: [],
    base: values.isOn('ReducedExitPolicy') ? 'reduced' : 'default',
  };
  for (const text of makeExitPolicy(settings).warnings) notices.push({ level: 'warn', text });
  return settings;
}

export function buildExit(values: TorrcValues, notices: TorrcNotice[]): TorrcExit {
  return {
    exitPolicy: exitPolicy(values, notices),
    exitPolicyRejectPrivate: values.isOn('ExitPolicyRejectPrivate'),
    exitPolicyRejectLocalInterfaces: values.isOn('ExitPolicyRejectLocalInterfaces'),
    refuseUnknownExits: values.autoOrOn('RefuseUnknownExits'),
    serverDns: {
      resolvConfFile: values.text('ServerDNSResolvConfFile'),
      allowBrokenConfig: values.isOn('ServerDNSAllowBrokenConfig'),
      allowNonRfc953Hostnames: values.isOn('ServerDNSAllowNonRFC953Hostnames'),
      detectHijacking: values.isOn('ServerDNSDetectHijacking'),
      randomizeCase: values.isOn('ServerDNSRandomizeCase'),
      searchDomains: values.isOn('ServerDNSSearchDomains'),
      testAddresses: values.list('ServerDNSTestAddresses'),
    },
  };
}
