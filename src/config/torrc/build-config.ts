import type { TorrcNotice } from './assign.js';
import { buildAddresses } from './build-addresses.js';
import { buildBandwidth } from './build-bandwidth.js';
import { buildDos, buildEngine } from './build-engine.js';
import { buildExit, checkPolicy } from './build-exit.js';
import { buildIdentity } from './build-identity.js';
import { buildFolders, buildLogging, buildProcess } from './build-process.js';
import { parseAuthorities } from './dir-authority.js';
import { parseMetricsPorts } from './metrics-port.js';
import { TESTING_ONLY } from './testing-network.js';
import type { TorrcConfig, TorrcMetrics, TorrcNetwork } from './torrc-config.js';
import type { TorrcValues } from './torrc-values.js';
import { tellTreatments } from './treatments.js';

function buildMetrics(values: TorrcValues, notices: TorrcNotice[]): TorrcMetrics {
  const metrics = {
    metricsPorts: parseMetricsPorts(values.lines('MetricsPort')),
    metricsPortPolicy: checkPolicy('MetricsPortPolicy', values),
  };
  if (metrics.metricsPorts.length > 0 && metrics.metricsPortPolicy.length === 0)
    notices.push({
      level: 'warn',
      text: 'MetricsPort is set, but without a MetricsPortPolicy that accepts an address nobody can read it.',
    });
  return metrics;
}

function buildNetwork(values: TorrcValues, notices: TorrcNotice[]): TorrcNetwork {
  const testingTorNetwork = values.isOn('TestingTorNetwork');
  const written = parseAuthorities(values.lines('DirAuthority'), notices);
  const hasAlternatives =
    values.isGiven('AlternateDirAuthority') && values.isGiven('AlternateBridgeAuthority');
  if (testingTorNetwork && written.length === 0 && !hasAlternatives)
    values.refuse(
      'TestingTorNetwork',
      'TestingTorNetwork may only be configured in combination with a non-default set of DirAuthority or both of AlternateDirAuthority and AlternateBridgeAuthority configured.',
    );
  if (testingTorNetwork)
    notices.push({
      level: 'warn',
      text: 'TestingTorNetwork is set. This will make your node almost unusable in the public Tor network, and is therefore only advised if you are building a testing Tor network!',
    });
  else refuseTestingOptions(values);
  return {
    dirAuthorities: written.length === 0 ? undefined : written,
    testingTorNetwork,
    minTimeToReportBandwidthMs: values.intervalMs('TestingMinTimeToReportBandwidth'),
    consensusDownloadDelayMs: values.intervalMs('TestingServerConsensusDownloadInitialDelay'),
    serverDownloadDelayMs: values.intervalMs('TestingServerDownloadInitialDelay'),
  };
}

function refuseTestingOptions(values: TorrcValues): void {
  const changed = values.changedOptions().find(({ name }) => TESTING_ONLY.includes(name));
  if (changed !== undefined)
    values.refuse(changed.name, `${changed.name} may only be changed in testing Tor networks!`);
}

/** What would keep a relay from reaching the others. */
const UNFIT_FOR_RELAYS = ['ReachableAddresses', 'ReachableORAddresses', 'ReachableDirAddresses'];

function refuseForRelays(values: TorrcValues): void {
  const isFirewalled = values.isOn('FascistFirewall') || !values.isOn('ClientUseIPv4');
  const name = UNFIT_FOR_RELAYS.find((option) => values.isGiven(option));
  if (name !== undefined || isFirewalled)
    values.refuse(
      name ?? (values.isOn('FascistFirewall') ? 'FascistFirewall' : 'ClientUseIPv4'),
      'Servers must be able to freely connect to the rest of the Internet, so they must not set Reachable*Addresses or FascistFirewall or FirewallPorts or ClientUseIPv4 0.',
    );
  if (values.isOn('UseBridges'))
    values.refuse(
      'UseBridges',
      'Servers must be able to freely connect to the rest of the Internet, so they must not set UseBridges.',
    );
  if (values.autoOrOn('ConnectionPadding') !== 'auto')
    values.refuse('ConnectionPadding', "Relays must use 'auto' for the ConnectionPadding setting.");
  for (const padding of ['ReducedConnectionPadding', 'ReducedCircuitPadding'])
    if (values.isOn(padding)) values.refuse(padding, `Relays cannot set ${padding}.`);
  if (!values.isOn('CircuitPadding'))
    values.refuse('CircuitPadding', 'Relays cannot set CircuitPadding to 0.');
}

/**
 * The typed configuration that the values stand for, with what to tell about it added to `notices`. Throws TorrcError
 * for the first value that cannot be used.
 */
export function buildConfig(values: TorrcValues, notices: TorrcNotice[], home: string): TorrcConfig {
  const addresses = buildAddresses(values, notices);
  const isRelay = addresses.orPorts.some((port) => port.listens);
  if (isRelay) refuseForRelays(values);
  const config = {
    ...buildIdentity(values, isRelay, notices),
    ...addresses,
    ...buildFolders(values, home),
    ...buildLogging(values, notices, home),
    ...buildProcess(values, notices, home),
    ...buildExit(values, notices),
    ...buildBandwidth(values, isRelay),
    ...buildEngine(values, notices),
    ...buildMetrics(values, notices),
    ...buildNetwork(values, notices),
    dos: buildDos(values),
  };
  tellTreatments(values, notices);
  const familyKeyDirectory =
    config.familyKeyDirectory === '' ? config.keyDirectory : config.familyKeyDirectory;
  return { ...config, familyKeyDirectory };
}
