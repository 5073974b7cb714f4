import type { TorrcNotice } from './assign.js';
import { parseAddress } from './address-port.js';
import { parseOrPorts } from './or-port.js';
import type { AddressPair, TorrcAddresses } from './torrc-config.js';
import type { TorrcValues } from './torrc-values.js';

/** At most one address of each family, which stands for what a more general option says. */
function bindAddresses(values: TorrcValues, name: string, what: string): AddressPair {
  const pair: { ipv4?: string; ipv6?: string } = {};
  for (const { text } of values.lines(name)) {
    const parsed = parseAddress(text);
    if (parsed === undefined) return values.refuse(name, `${name} must be an IP address, got "${text}"`);
    const family = parsed.family === 4 ? 'ipv4' : 'ipv6';
    if (pair[family] !== undefined)
      values.refuse(
        name,
        `Multiple ${family === 'ipv4' ? 'IPv4' : 'IPv6'}${what} outbound bind addresses configured: ${text}`,
      );
    pair[family] = parsed.address;
  }
  return pair;
}

const NOBODY = ['0', '', 'v1', 'v2', 'hidserv'];

/** True when the descriptor goes to the authorities. */
function publishes(values: TorrcValues, notices: TorrcNotice[]): boolean {
  let isPublished = false;
  for (const text of values.list('PublishServerDescriptor')) {
    const word = text.toLowerCase();
    if (word === '1' || word === 'v3') isPublished = true;
    else if (word === 'bridge')
      values.refuse(
        'PublishServerDescriptor',
        'PublishServerDescriptor bridge: this relay cannot be a bridge.',
      );
    else if (!NOBODY.includes(word))
      values.refuse('PublishServerDescriptor', 'Unrecognized value in PublishServerDescriptor');
    else if (word !== '0')
      notices.push({ level: 'warn', text: `PublishServerDescriptor ${text} has no effect.` });
  }
  return isPublished;
}

export function buildAddresses(values: TorrcValues, notices: TorrcNotice[]): TorrcAddresses {
  const general = bindAddresses(values, 'OutboundBindAddress', '');
  const assumeReachable = values.isOn('AssumeReachable');
  const assumeReachableIPv6 = values.autoOrOn('AssumeReachableIPv6');
  if (assumeReachable && assumeReachableIPv6 === false)
    values.refuse('AssumeReachable', 'Cannot set AssumeReachable 1 and AssumeReachableIPv6 0.');
  return {
    orPorts: parseOrPorts(values.lines('ORPort'), notices),
    addresses: values.lines('Address').map(({ text }) => text),
    addressDisableIPv6: values.isOn('AddressDisableIPv6'),
    outboundOr: { ...general, ...bindAddresses(values, 'OutboundBindAddressOR', ' OR') },
    outboundExit: { ...general, ...bindAddresses(values, 'OutboundBindAddressExit', ' exit') },
    assumeReachable,
    assumeReachableIPv6,
    publishServerDescriptor: publishes(values, notices),
    extendAllowPrivateAddresses: values.isOn('ExtendAllowPrivateAddresses'),
    dirAllowPrivateAddresses: values.isOn('DirAllowPrivateAddresses'),
    countPrivateBandwidth: values.isOn('CountPrivateBandwidth'),
  };
}
