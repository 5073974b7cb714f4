import { codeOf, messageOf } from '../util/errors.js';

/** What a client is told when a request cannot be served. */
export interface Failure {
  status: number;
  code: string;
  title: string;
  /** The cause in one sentence, from the error itself. */
  cause: string;
  advice: string;
  /** The error type of RFC 9209 for the Proxy-Status header. */
  proxyError: string;
}

type FailureRow = readonly [status: number, title: string, proxyError: string, advice: string];

const RETRY = 'Try again in a moment.';
const CHECK_REQUEST = 'Check the address and the program that sent the request.';

const ROWS: Readonly<Record<string, FailureRow>> = {
  ERR_KIST_TIMEOUT: [
    504,
    'No answer in time',
    'connection_timeout',
    `The server or a relay is slow or silent. ${RETRY}`,
  ],
  ERR_KIST_STREAM_REFUSED: [
    502,
    'The exit relay could not connect',
    'connection_refused',
    'Check the name and the port. The server may be down, or the exit may not serve that address.',
  ],
  ERR_KIST_NO_CIRCUIT: [
    502,
    'There is no circuit',
    'destination_unavailable',
    'A circuit is built as soon as enough relays are registered. Check that they run, then try again.',
  ],
  ERR_KIST_CIRCUIT_CLOSED: [
    502,
    'The circuit closed',
    'connection_terminated',
    `A new one is being built. ${RETRY}`,
  ],
  ERR_KIST_CLOSED: [502, 'The network is closed', 'proxy_internal_error', 'Start the relay again.'],
  ERR_KIST_BAD_ANSWER: [
    502,
    'The server sent no valid answer',
    'http_protocol_error',
    'The server may not speak HTTP on that port, or closed early. Try again or check the port.',
  ],
  ERR_KIST_BAD_REQUEST: [400, 'The request is not valid', 'http_request_error', CHECK_REQUEST],
  ERR_KIST_REQUEST_TIMEOUT: [408, 'The request never came to an end', 'http_request_error', CHECK_REQUEST],
  ERR_KIST_HEAD_TOO_LARGE: [
    431,
    'The request head is too large',
    'http_request_error',
    'Delete the cookies of that site, or shorten the address.',
  ],
  ERR_KIST_UNSUPPORTED: [501, 'Not supported', 'http_request_error', CHECK_REQUEST],
  ERR_KIST_LOOP: [
    508,
    'The request leads back to this proxy',
    'proxy_loop_detected',
    'Ask for another server: this address is the proxy itself.',
  ],
};

const OTHER: FailureRow = [502, 'The stream failed', 'proxy_internal_error', RETRY];

/** The failure page's content for anything that was thrown. */
export function describeFailure(error: unknown): Failure {
  const code = codeOf(error) ?? 'ERR_KIST_UNKNOWN';
  const [status, title, proxyError, advice] = ROWS[code] ?? OTHER;
  return { status, code, title, cause: messageOf(error), advice, proxyError };
}

/** The value of Proxy-Status (RFC 9209): who says it, what kind of error, and our own code. */
export function proxyStatus(failure: Failure): string {
  const code = failure.code.replace(/[^A-Z0-9_]/gi, '_');
  return `kist-relay; error=${failure.proxyError}; details="${code}"`;
}
