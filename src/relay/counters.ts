/** What the control plane of one relay counted since its start. */
export interface ControlCounters {
  channelsOpened: number;
  /** Accepted connections closed at once: too many, or the relay is stopping. */
  channelsRefused: number;
  /** Link handshakes that ended with an error of the peer's or a deadline. */
  handshakesFailed: number;
  /** Cells that came on another channel of the same agent than their circuit's. */
  cellsFromSibling: number;
  circuitsAccepted: number;
  circuitsRefused: number;
  extendsDone: number;
  extendsFailed: number;
  streamsConnected: number;
  /** BEGIN_FAILED sent, by cause. */
  streamsRefused: {
    malformed: number;
    inUse: number;
    limit: number;
    policy: number;
    resolve: number;
    connect: number;
  };
  /** Relay messages that made no sense where they came. */
  messagesDropped: number;
}

export function newControlCounters(): ControlCounters {
  return {
    channelsOpened: 0,
    channelsRefused: 0,
    handshakesFailed: 0,
    cellsFromSibling: 0,
    circuitsAccepted: 0,
    circuitsRefused: 0,
    extendsDone: 0,
    extendsFailed: 0,
    streamsConnected: 0,
    streamsRefused: { malformed: 0, inUse: 0, limit: 0, policy: 0, resolve: 0, connect: 0 },
    messagesDropped: 0,
  };
}
