import type { RateAndBurst, TorrcBandwidth } from './torrc-config.js';
import type { TorrcValues } from './torrc-values.js';

/** What a descriptor can say. */
const MAX_BANDWIDTH = 2 ** 31 - 1;
/** A public relay must move this much a second. */
const MIN_RELAY_BANDWIDTH = 75 * 1024;

/** Bytes within the cap; just one too many ("2 GB") counts as the cap, as in C tor. */
function capped(values: TorrcValues, name: string): number {
  const bytes = values.bytes(name);
  if (bytes > MAX_BANDWIDTH + 1)
    values.refuse(name, `${name} (${bytes - 1}) must be at most ${MAX_BANDWIDTH}`);
  return Math.min(bytes, MAX_BANDWIDTH);
}

function atLeast(values: TorrcValues, name: string, bytes: number, least: number): void {
  if (bytes >= least) return;
  values.refuse(name, `${name} is set to ${bytes} bytes/second. For servers, it must be at least ${least}.`);
}

/** A rate and a burst of which one may be left out; undefined when both are. */
function optionalPair(values: TorrcValues, rateName: string, burstName: string): RateAndBurst | undefined {
  const rate = capped(values, rateName);
  const burst = capped(values, burstName);
  if (rate === 0 && burst === 0) return undefined;
  return { rate: rate === 0 ? burst : rate, burst: burst === 0 ? rate : burst };
}

export function buildBandwidth(values: TorrcValues, isRelay: boolean): TorrcBandwidth {
  const rate = capped(values, 'BandwidthRate');
  const burst = capped(values, 'BandwidthBurst');
  const maxAdvertised = capped(values, 'MaxAdvertisedBandwidth');
  const relay = optionalPair(values, 'RelayBandwidthRate', 'RelayBandwidthBurst');
  const perConnection = optionalPair(values, 'PerConnBWRate', 'PerConnBWBurst');
  if (isRelay) {
    atLeast(values, 'BandwidthRate', rate, MIN_RELAY_BANDWIDTH);
    atLeast(values, 'MaxAdvertisedBandwidth', maxAdvertised, MIN_RELAY_BANDWIDTH / 2);
    if (relay !== undefined) atLeast(values, 'RelayBandwidthRate', relay.rate, MIN_RELAY_BANDWIDTH);
  }
  if (relay !== undefined && relay.rate > relay.burst)
    values.refuse('RelayBandwidthBurst', 'RelayBandwidthBurst must be at least equal to RelayBandwidthRate.');
  // Someone who raises only the limit for relaying does not mean the default of the other to hold it down.
  const bandwidth = { rate: Math.max(rate, relay?.rate ?? 0), burst: Math.max(burst, relay?.burst ?? 0) };
  if (bandwidth.rate > bandwidth.burst)
    values.refuse('BandwidthBurst', 'BandwidthBurst must be at least equal to BandwidthRate.');
  const refill = values.milliseconds('TokenBucketRefillInterval');
  if (refill < 1 || refill > 1000)
    values.refuse(
      'TokenBucketRefillInterval',
      'TokenBucketRefillInterval must be between 1 and 1000 inclusive.',
    );
  return {
    bandwidth,
    relayBandwidth: relay,
    perConnection,
    advertised: {
      rate: Math.min(bandwidth.rate, maxAdvertised, relay?.rate ?? Infinity),
      burst: Math.min(bandwidth.burst, relay?.burst ?? Infinity),
    },
    tokenBucketRefillMs: refill,
  };
}
