import { flagSyntax } from './option.js';
import { listOptions } from './schema.js';
import type { NamedOption } from './schema.js';

const TITLES = ['Option', 'In code', 'In torrc', 'Default', 'Meaning'] as const;

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

function row(option: NamedOption): string {
  const range = option.argument === undefined ? '' : ` Value: ${option.kind.expected}.`;
  const env = option.env === undefined ? '' : ` Also from the variable \`${option.env}\`.`;
  const cells = [
    code(flagSyntax(option)),
    code(option.key),
    code(option.torrc ?? ''),
    option.default === undefined ? '' : code(option.kind.format(option.default)),
    `${option.help}${range}${env}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** Every option as the Markdown table that README holds. */
export function renderOptionTable(): string {
  const rule = TITLES.map(() => '---').join(' | ');
  return [`| ${TITLES.join(' | ')} |`, `| ${rule} |`, ...listOptions().map(row)].join('\n') + '\n';
}
