/**
 * The data plane from TypeScript.
 *
 * `binding.ts` loads the addon, `binding-types.ts` types it by hand, `DataPlane` pumps its events to `Channel` and
 * `Circuit` objects (named as in C++), which pass them to the listeners of `listeners.ts`. Handles carry a generation:
 * a command for what is gone does nothing, and so does every method of a closed object. It decides nothing.
 */
export type {
  NativeHistogram,
  NativeOnionKeys,
  NativeOnionStats,
  NativeOwnerStats,
  NativeReactorStats,
  NativeSchedulerStats,
  NativeSocketOptions,
  NativeStats,
} from './binding-types.js';
export { Channel } from './channel.js';
export { Circuit } from './circuit.js';
export { DataPlane } from './data-plane.js';
export type { DataPlaneDependencies, ListenHandle } from './data-plane.js';
export type { DataPlaneOptions, SchedulerOptions } from './data-plane-options.js';
export type {
  AcceptListener,
  ChannelListener,
  CircuitListener,
  CloseReason,
  ConnectListener,
  LinkSecrets,
  Side,
  StreamListener,
} from './listeners.js';
