/**
 * Which folder may use which: the rule of the whole tree, for C++ includes and TypeScript imports alike. A folder may
 * always use itself. `'all above'` means every folder listed before it. A new folder needs its line here first.
 */
export type Allowed = readonly string[] | 'all above';
export type LayerTable = readonly (readonly [folder: string, may: Allowed])[];

export const nativeLayers: LayerTable = [
  ['base', []],
  ['loop', ['base']],
  ['cell', ['base']],
  ['crypto', ['base', 'cell']],
  ['tcpinfo', ['base']],
  ['transport', ['base', 'loop', 'tcpinfo']],
  ['circuit', ['base', 'cell', 'crypto']],
  ['sched', ['base', 'loop', 'cell', 'circuit', 'tcpinfo']],
  ['channel', ['base', 'loop', 'cell', 'circuit', 'transport', 'tcpinfo', 'sched']],
  ['edge', ['base', 'loop', 'cell', 'crypto', 'transport', 'circuit', 'sched']],
  ['switch', ['base', 'cell', 'crypto', 'circuit', 'sched', 'channel', 'edge']],
  ['registry', 'all above'],
  ['dataplane', 'all above'],
  ['sim', 'all above'],
  ['napi', ['dataplane', 'sim', 'base', 'registry']],
];

export const typescriptLayers: LayerTable = [
  ['util', []],
  ['metrics', ['util']],
  ['native', ['util']],
  ['directory', ['util']],
  ['config', ['util', 'directory']],
  ['identity', ['util', 'directory']],
  ['dialect', ['util', 'native', 'directory']],
  ['discovery', ['util', 'directory', 'dialect']],
  ['registration', ['util', 'dialect']],
  ['relay', ['util', 'config', 'native', 'dialect', 'discovery', 'directory', 'identity', 'metrics']],
  ['origin', ['util', 'native', 'dialect', 'discovery', 'relay']],
  ['proxy', ['util', 'origin']],
  [
    'network',
    [
      'util',
      'config',
      'native',
      'directory',
      'identity',
      'dialect',
      'discovery',
      'registration',
      'relay',
      'origin',
      'proxy',
    ],
  ],
  ['storage', ['util']],
  ['collector', ['util', 'config', 'directory', 'storage', 'discovery', 'origin', 'metrics']],
  ['scanner', ['util', 'config', 'directory', 'storage', 'discovery', 'origin', 'metrics']],
  ['testing', ['util', 'native']],
  // src/index.ts, the public face, stands for itself.
  ['index.ts', 'all above'],
  ['cli', 'all above'],
];
