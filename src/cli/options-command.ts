import { Command } from 'commander';
import { renderOptionTable } from '../config/index.js';
import { EXIT_MEANINGS } from './exit-codes.js';

function renderExitCodes(): string {
  const rows = EXIT_MEANINGS.map(([code, meaning]) => `| ${code} | ${meaning} |`);
  return ['| Exit code | Meaning |', '| --- | --- |', ...rows].join('\n') + '\n';
}

/** `kist-relay options`: the tables of options and exit codes as README holds them. */
export function optionsCommand(): Command {
  return new Command('options')
    .description('print every option and exit code as Markdown tables')
    .option('--markdown', 'the only form there is')
    .action(() => {
      process.stdout.write(`${renderOptionTable()}\n${renderExitCodes()}`);
    });
}

export { renderExitCodes };
