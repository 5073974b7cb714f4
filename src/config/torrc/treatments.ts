import type { TorrcNotice } from './assign.js';
import type { TorrcOption, Treatment } from './option-table.js';
import type { TorrcValues } from './torrc-values.js';

const NOTICES: readonly (readonly [Treatment, TorrcNotice['level'], string])[] = [
  ['unsupported', 'warn', 'Not supported by this relay, and without effect'],
  ['authority', 'warn', 'Only for directory authorities, which this relay cannot be, and without effect'],
  ['client', 'notice', 'Only for clients and onion services, and without effect in this relay'],
  ['accepted', 'notice', 'Accepted, but there is nothing in this relay that they change'],
];

const REASONS: Readonly<Record<string, string>> = {
  BridgeRelay: 'this relay cannot be a bridge, and as a public relay it would tell its address to everybody',
  AccountingMax: 'this relay cannot limit the bytes of a period; it would go on after the limit',
  DisableNetwork: 'this relay has nothing to do without the network',
  ClientOnly: 'this is a relay only',
};

function refuse(values: TorrcValues, { name }: TorrcOption): never {
  const reason = REASONS[name] ?? 'this relay cannot be a directory authority';
  values.refuse(name, `${name} is not supported: ${reason}. Remove the option to start.`);
}

/** Refuses what must not be passed over; for the rest of what has no effect one line for each kind. */
export function tellTreatments(values: TorrcValues, notices: TorrcNotice[]): void {
  const changed = values.changedOptions();
  const refused = changed.find(({ treatment }) => treatment === 'refused');
  if (refused !== undefined) refuse(values, refused);
  for (const [treatment, level, text] of NOTICES) {
    const names = changed.filter((option) => option.treatment === treatment).map(({ name }) => name);
    if (names.length > 0) notices.push({ level, text: `${text}: ${names.join(', ')}.` });
  }
}
