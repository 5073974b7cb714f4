import type { Socket } from 'node:net';

/**
 * Closes a connection with RST alone. Node's resetAndDestroy() goes through destroySoon(), which sends FIN
 * first: a client that reads it takes a cut answer for a complete one.
 */
export function resetSocket(socket: Socket): void {
  if (socket.destroyed) return;
  Object.assign(socket, { destroySoon: () => socket.destroy() });
  socket.resetAndDestroy();
}
