import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pickFreePorts } from './free-ports.js';
import { makeAuthorityKeys, makeRelayIdentity } from './node-keys.js';
import type { ResolvedTestNetworkOptions } from './test-network-options.js';
import { HOST, portsOf } from './test-node.js';
import type { TestNodeKeys, TestNodePlan, TestNodeRole } from './test-node.js';
import type { TorPrograms } from './tor-programs.js';

/** Which nodes there will be, in the order in which they start. */
export async function planNodes(
  folder: string,
  counts: Pick<ResolvedTestNetworkOptions, 'authorities' | 'relays' | 'exits' | 'clients'>,
): Promise<TestNodePlan[]> {
  const roles: readonly (readonly [TestNodeRole, number, string])[] = [
    ['authority', counts.authorities, 'auth'],
    ['relay', counts.relays, 'relay'],
    ['exit', counts.exits, 'exit'],
    ['client', counts.clients, 'client'],
  ];
  const total = roles.reduce((sum, [role, count]) => sum + count * portsOf(role), 0);
  const ports = await pickFreePorts(HOST, total);
  const nextPort = (isNeeded: boolean): number => (isNeeded ? (ports.pop() ?? 0) : 0);
  return roles.flatMap(([role, count, stem]) =>
    Array.from({ length: count }, (_, index) => {
      const isClient = role === 'client';
      return {
        role,
        name: `${stem}${index + 1}`,
        folder: join(folder, `${stem}${index + 1}`),
        orPort: nextPort(!isClient),
        dirPort: nextPort(role === 'authority'),
        socksPort: nextPort(isClient),
        controlPort: nextPort(isClient),
      };
    }),
  );
}

/** Makes the node's folder with what must be there before tor starts, and names it by its keys. */
export async function prepareNode(plan: TestNodePlan, programs: TorPrograms): Promise<TestNodeKeys> {
  const data = join(plan.folder, 'data');
  await mkdir(data, { recursive: true, mode: 0o700 });
  if (plan.role === 'client') return { ...plan, fingerprint: '', v3Identity: '' };
  await writeFile(join(plan.folder, 'resolv.conf'), `nameserver ${HOST}\n`);
  const [fingerprint, v3Identity] = await Promise.all([
    makeRelayIdentity(data),
    plan.role === 'authority' ? makeAuthorityKeys(programs, data, `${HOST}:${plan.dirPort}`) : '',
  ]);
  return { ...plan, fingerprint, v3Identity };
}
