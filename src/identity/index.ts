/**
 * A relay's identity and keys: where they are kept (`KeyDirectory`, in C tor's layout; `DirectoryLock`; `StateFile`),
 * who the relay is (`RouterIdentity`) and what circuits are opened with (`OnionKeys`). A relay takes the lock, opens the
 * others in that order, and asks them when to be called again. Nothing here opens a socket, sets a timer, or sends a
 * secret anywhere but to a file of mode 0600.
 */
export { DirectoryLock } from './directory-lock.js';
export { KeyDirectory } from './key-directory.js';
export type { KeyDirectoryOptions } from './key-directory.js';
export { OnionKeys } from './onion-keys.js';
export type { NtorKeyPair, OnionKeyLifetimes, OnionKeyOptions } from './onion-keys.js';
export { RouterIdentity } from './router-identity.js';
export type { RouterIdentityOptions } from './router-identity.js';
export { StateFile } from './state-file.js';
