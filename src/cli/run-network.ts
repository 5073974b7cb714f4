import { loadBinding } from '../native/binding.js';
import { EmbeddedNetwork, formatCircuit, runSmoke } from '../network/index.js';
import type { NetworkProgress, SmokeReport } from '../network/index.js';
import { systemClock } from '../util/clock.js';
import { KistError } from '../util/errors.js';
import type { CommandContext } from './command-context.js';
import { dataPlaneOptions, explainStart, socketOptions } from './relay-settings.js';
import { StatsTicker } from './stats-ticker.js';
import { withinStopTimeout } from './stop-signal.js';
import type { Closeable } from './stop-signal.js';

export interface NetworkSettings {
  readonly relays: number;
  readonly proxyPort: number;
}

const SMOKE_TIMEOUT_MS = 60_000;

async function bringUp(
  settings: NetworkSettings,
  { config, output, logger }: CommandContext,
  signal: AbortSignal,
): Promise<EmbeddedNetwork> {
  const dataPlane = dataPlaneOptions(config, loadBinding().info().schedulers);
  const network = EmbeddedNetwork.start({
    ...settings,
    dataPlane,
    ...socketOptions(config),
    logger,
    signal,
    onProgress: ({ text, ...fields }: NetworkProgress) => output.tell('up', fields, text),
    onCircuit: (hops) => output.tell('circuit', { hops }, formatCircuit(hops)),
  });
  return network.catch((error: unknown) => {
    throw explainStart(error, config);
  });
}

/** The network until a signal, with a live line of counters. */
export async function startNetwork(
  settings: NetworkSettings,
  context: CommandContext,
  signal: AbortSignal,
): Promise<Closeable> {
  const { output } = context;
  const network = await bringUp(settings, context, signal);
  const curl = `curl -x http://${network.proxy.host}:${network.proxy.port}`;
  output.tell('ready', { proxy: network.proxy, site: network.site.origin });
  output.line(`Try it:   ${curl} http://example.com/`);
  output.line(`offline:  ${curl} ${network.site.origin}/`);
  output.line('Ctrl-C ends it.');
  const ticker = new StatsTicker({ output, source: network, live: true });
  const close = async (): Promise<void> => {
    await ticker.close();
    await network.stop();
  };
  return { close };
}

function tellReport(report: SmokeReport, seconds: number, { output }: CommandContext): void {
  report.hops.forEach(({ name, awayFromOrigin, towardOrigin }, i) => {
    output.line(
      `hop ${i + 1}: ${name} carried ${awayFromOrigin} DATA cells away from the origin, ${towardOrigin} toward it`,
    );
  });
  const { resources, bytesDown, bytesUp } = report;
  const what = `${resources} resources, ${bytesDown} bytes down and ${bytesUp} up, every byte right`;
  output.tell(
    'smoke',
    { ok: true, seconds, ...report },
    `Smoke test passed in ${seconds.toFixed(1)} s: ${what}`,
  );
}

/** Brings the network up, tries it and takes it down; a failure is an error with the code `ERR_KIST_SMOKE`. */
export async function runSmokeTest(settings: NetworkSettings, context: CommandContext): Promise<void> {
  const deadline = new AbortController();
  const { signal: stop } = context.stop;
  const timer = systemClock.setTimeout(() => {
    const message = `the smoke test was not done within ${SMOKE_TIMEOUT_MS / 1000} s`;
    deadline.abort(new KistError('ERR_KIST_SMOKE', message, 'bug'));
  }, SMOKE_TIMEOUT_MS);
  const signal = AbortSignal.any([deadline.signal, stop]);
  const since = systemClock.now();
  try {
    const network = await bringUp(settings, context, signal);
    try {
      const report = await runSmoke(network, signal);
      tellReport(report, (systemClock.now() - since) / 1000, context);
    } finally {
      await withinStopTimeout(network.stop());
    }
  } finally {
    timer.cancel();
  }
}
