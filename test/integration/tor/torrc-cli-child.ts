/** The `run` command with a relay that does nothing, as a process of its own. */
import { runTor } from '../../../src/cli/run-command.js';
import { systemClock } from '../../../src/util/clock.js';
import { FakeRelay, IDLE } from '../../unit/torrc/fake-relay.js';

class ChildRelay extends FakeRelay {
  override async start(): Promise<void> {
    await super.start();
    this.status = { ...IDLE, circuits: Number(process.env.TEST_CIRCUITS ?? 0) };
    this.context.logger.info(`running as ${process.getuid?.()}:${process.getgid?.()}`);
  }
}

const { env, stdout, stderr } = process;
process.exitCode = await runTor(process.argv.slice(2), {
  factory: async (...args) => new ChildRelay(...args),
  outlets: { env, stdout, stderr },
  clock: systemClock,
  signals: process,
});
