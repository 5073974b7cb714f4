import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { repository } from '../support/house-source.js';

const BAD = `
import { EventEmitter } from 'node:events';
import { promises as fs } from 'node:fs';
import { twin } from './twin.js';
export function bad(events: EventEmitter, kind: 'a' | 'b', value: any): number {
  fs.unlink('x');
  events.on('x', async () => { await fs.unlink('y'); });
  setTimeout(() => twin(), Date.now());
  switch (kind) { case 'a': return 1; }
  return value;
}
${'// long\n'.repeat(400)}
`;
const TWIN = "import { bad } from './bad.js';\nexport const twin = (): unknown => bad;\n";
const EXPECTED = [
  'eslint(max-lines)',
  'eslint(no-restricted-globals)',
  'eslint(no-restricted-properties)',
  'import(no-cycle)',
  'typescript(consistent-type-imports)',
  'typescript(no-explicit-any)',
  'typescript(no-floating-promises)',
  'typescript(no-misused-promises)',
  'typescript(switch-exhaustiveness-check)',
];

test('lint finds dropped promises, any, cycles, forgotten cases, direct timers and long files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kist-lint-'));
  try {
    for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) {
      cpSync(join(repository, name), join(folder, name));
    }
    symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'));
    mkdirSync(join(folder, 'src'));
    writeFileSync(join(folder, 'src/bad.ts'), BAD);
    writeFileSync(join(folder, 'src/twin.ts'), TWIN);
    const oxlint = join(repository, 'node_modules/oxlint/bin/oxlint');
    const result = spawnSync(process.execPath, [oxlint, '-f', 'json', 'src'], {
      cwd: folder,
      encoding: 'utf8',
    });
    const report = JSON.parse(result.stdout) as { diagnostics: { code: string }[] };
    const codes = new Set(report.diagnostics.map((diagnostic) => diagnostic.code));
    assert.deepEqual(
      EXPECTED.filter((code) => !codes.has(code)),
      [],
      result.stdout,
    );
    assert.equal(result.status, 1);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
