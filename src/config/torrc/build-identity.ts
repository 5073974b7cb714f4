import type { TorrcNotice } from './assign.js';
import type { TorrcIdentity } from './torrc-config.js';
import type { TorrcValues } from './torrc-values.js';

/** What a relay without a Nickname is called. */
const UNNAMED = 'Unnamed';
const NICKNAME = /^[A-Za-z0-9]{1,19}$/;
const FINGERPRINT = /^\$?[0-9A-Fa-f]{40}([=~][A-Za-z0-9]{1,19})?$/;
const KEY = /^[A-Za-z0-9+/]{43}=?$/;

function nickname(values: TorrcValues): string {
  const text = values.text('Nickname') ?? UNNAMED;
  if (!NICKNAME.test(text))
    values.refuse(
      'Nickname',
      `Nickname '${text}', nicknames must be between 1 and 19 characters inclusive, and must contain only the characters [a-zA-Z0-9].`,
    );
  return text;
}

function contactInfo(values: TorrcValues): string | undefined {
  const text = values.text('ContactInfo');
  if (text?.includes('\uFFFD') === true)
    values.refuse('ContactInfo', 'ContactInfo config option must be UTF-8.');
  return text;
}

function familyMember(values: TorrcValues, text: string): string {
  if (NICKNAME.test(text)) return text;
  if (!FINGERPRINT.test(text)) values.refuse('MyFamily', `Invalid nickname '${text}' in MyFamily line`);
  return text.startsWith('$') ? text : `$${text}`;
}

function family(values: TorrcValues): string[] {
  const written = values.lines('MyFamily').flatMap(({ text }) => text.split(','));
  return written
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => familyMember(values, text));
}

function familyIds(values: TorrcValues): string[] {
  return values.lines('FamilyId').map(({ text }) => {
    if (text !== '*' && !KEY.test(text)) values.refuse('FamilyId', `Invalid FamilyId ${text}`);
    return text;
  });
}

/** A key or certificate must outlive the time in which its follower is made. */
function lifetime(values: TorrcValues, name: string, slop: string, what: string): number {
  const lifetimeMs = values.intervalMs(name);
  if (lifetimeMs < 2 * values.intervalMs(slop)) values.refuse(name, `${what} is too short.`);
  return lifetimeMs;
}

export function buildIdentity(values: TorrcValues, isRelay: boolean, notices: TorrcNotice[]): TorrcIdentity {
  const contact = contactInfo(values);
  const members = family(values);
  const warn = (text: string): void => void notices.push({ level: 'warn', text });
  if (isRelay && contact === undefined)
    warn(
      'Your ContactInfo config option is not set. Please strongly consider setting it, so we can contact you if your relay is misconfigured, end-of-life, or something else goes wrong.',
    );
  if (members.length > 0 && contact === undefined) warn('MyFamily is set but ContactInfo is not configured.');
  return {
    nickname: nickname(values),
    contactInfo: contact,
    family: members,
    familyIds: familyIds(values),
    familyKeyDirectory: values.text('FamilyKeyDirectory') ?? '',
    offlineMasterKey: values.isOn('OfflineMasterKey'),
    signingKeyLifetimeMs: lifetime(
      values,
      'SigningKeyLifetime',
      'TestingSigningKeySlop',
      'SigningKeyLifetime',
    ),
    linkCertLifetimeMs: lifetime(values, 'TestingLinkCertLifetime', 'TestingAuthKeySlop', 'LinkCertLifetime'),
    authKeyLifetimeMs: lifetime(
      values,
      'TestingAuthKeyLifetime',
      'TestingLinkKeySlop',
      'TestingAuthKeyLifetime',
    ),
    signingKeySlopMs: values.intervalMs('TestingSigningKeySlop'),
    linkKeySlopMs: values.intervalMs('TestingLinkKeySlop'),
    authKeySlopMs: values.intervalMs('TestingAuthKeySlop'),
  };
}
