import { Option as Flag } from 'commander';
import type { Command } from 'commander';
import { flagSyntax, listOptions } from '../config/index.js';
import type { NamedOption, OptionGroup } from '../config/index.js';

const HEADINGS: Readonly<Record<OptionGroup, string>> = {
  scheduler: 'Scheduling:',
  engine: 'Engine:',
  relay: 'Relay:',
  output: 'Output:',
};

function describe(option: NamedOption): string {
  const isSwitch = option.argument === undefined;
  const notes: string[] = [];
  if (!isSwitch && option.default !== undefined) notes.push(`default: ${option.kind.format(option.default)}`);
  if (option.env !== undefined) notes.push(`env: ${option.env}`);
  return notes.length === 0 ? option.help : `${option.help} (${notes.join(', ')})`;
}

/**
 * Adds the schema's options of some groups to a command. Their values stay text here: the schema parses them, so that
 * flags, variables and files are judged by one rule.
 */
export function addOptions(
  command: Command,
  groups: readonly OptionGroup[],
  except: readonly string[] = [],
): void {
  for (const option of listOptions()) {
    if (!groups.includes(option.group) || except.includes(option.key)) continue;
    const flag = new Flag(flagSyntax(option), describe(option)).helpGroup(HEADINGS[option.group]);
    // commander would set a switch written --no-... to true by itself; the schema has the defaults.
    if (option.flag.startsWith('--no-')) flag.default(undefined);
    command.addOption(flag);
  }
}
