/** Data planes that nobody closes: `forgotten-child.js native` (collected as garbage) or `typescript` (until the end). */
import { readdirSync } from 'node:fs';
import { DataPlane } from '../../../src/index.js';
import { loadBinding } from '../../../src/native/binding.js';
import type { NativeBinding, NativeDataPlaneOptions } from '../../../src/native/binding-types.js';

const COUNT = 12;
const THREADS = 2;
const collect = globalThis.gc as NodeJS.GCFunction;

function reactorThreads(): number {
  return readdirSync('/proc/self/task').length;
}

function native(): void {
  let options: NativeDataPlaneOptions | undefined;
  const binding = loadBinding();
  // What the TypeScript side would pass down, caught on its way.
  const spy: NativeBinding = {
    ...binding,
    DataPlane: class {
      constructor(resolved: NativeDataPlaneOptions) {
        options = resolved;
      }
      close(): void {}
    } as unknown as NativeBinding['DataPlane'],
  };
  new DataPlane({ threads: THREADS }, { binding: spy }).close();
  const { DataPlane: Native } = binding;
  for (let i = 0; i < COUNT; i++) {
    const plane = new Native(options as NativeDataPlaneOptions, () => undefined);
    plane.listen({ dialect: 'tor61', transport: 'tcp', host: '127.0.0.1', port: 0, owner: plane.addOwner() });
  }
}

const before = reactorThreads();
if (process.argv[2] === 'native') {
  native();
  if (reactorThreads() !== before + COUNT * THREADS) throw new Error('the threads never ran');
  for (let i = 0; i < 20 && reactorThreads() > before; i++) {
    collect();
    await new Promise((resolve) => setImmediate(resolve));
  }
} else {
  for (let i = 0; i < COUNT; i++) new DataPlane({ threads: THREADS });
  collect();
}
console.log(`threads left: ${reactorThreads() - before}`);
