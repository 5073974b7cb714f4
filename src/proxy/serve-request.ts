import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { KistError } from '../util/errors.js';
import { sendPage } from './closing-answer.js';
import { Exchange } from './exchange.js';
import { describeFailure } from './failure.js';
import { checkRequest } from './headers.js';
import { failurePage, helpPage } from './pages.js';
import { ignoreError } from './proxy-context.js';
import type { ProxyContext } from './proxy-context.js';
import { authorityOf, parseRequestTarget } from './target.js';
import type { RequestTarget } from './target.js';
import { answerOn, passUpgrade } from './web-socket-upgrade.js';

/** Answers one plain request: refused, served by the proxy itself, or passed through a stream. */
export function serveRequest(
  context: ProxyContext,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  context.stats.requests++;
  const target = acceptTarget(context, request, response);
  if (target !== undefined) new Exchange(context, request, response, target).run();
}

/** The same for a WebSocket handshake, whose socket the parser has let go. */
export function serveUpgrade(
  context: ProxyContext,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  let target: RequestTarget;
  try {
    target = findTarget(context, request);
  } catch (error) {
    const response = answerOn(request, socket);
    response.once('finish', () => socket.destroySoon());
    return refuse(context, request, response, error);
  }
  passUpgrade(context, request, socket, head, target);
}

function acceptTarget(
  context: ProxyContext,
  request: IncomingMessage,
  response: ServerResponse,
): RequestTarget | undefined {
  try {
    const target = findTarget(context, request);
    if (request.headers['max-forwards'] !== '0' || request.method !== 'OPTIONS') return target;
    // RFC 9110 section 7.6.2: whoever is reached with no forwards left answers as the last recipient.
    request.on('error', ignoreError);
    response.on('error', ignoreError);
    sendPage(context, request, response, helpPage(200, localAuthority(request)));
  } catch (error) {
    refuse(context, request, response, error);
  }
  return undefined;
}

/** Throws what is wrong with a request before any stream is asked for. */
function findTarget(context: ProxyContext, request: IncomingMessage): RequestTarget {
  checkRequest(request);
  const target = parseRequestTarget(request.method ?? 'GET', request.url ?? '', request.headers.host);
  if (!context.isOwnAddress(target.host, target.port, request.socket.localAddress)) return target;
  if (target.absolute) throw new KistError('ERR_KIST_LOOP', `${authorityOf(target)} is this proxy`);
  throw new OwnPage(target.path === '/' ? 200 : 404);
}

/** Not a failure: the request was for the proxy as if it were a web site. */
class OwnPage extends Error {
  readonly status: number;

  constructor(status: number) {
    super('the request is addressed to the proxy itself');
    this.status = status;
  }
}

function refuse(
  context: ProxyContext,
  request: IncomingMessage,
  response: ServerResponse,
  error: unknown,
): void {
  request.on('error', ignoreError);
  response.on('error', ignoreError);
  if (error instanceof OwnPage)
    return sendPage(context, request, response, helpPage(error.status, localAuthority(request)));
  const failure = describeFailure(error);
  context.stats.countError(failure.code);
  sendPage(context, request, response, failurePage(failure, request.url));
}

function localAuthority(request: IncomingMessage): string {
  const { localAddress = '127.0.0.1', localPort = 0 } = request.socket;
  return authorityOf({ host: localAddress, port: localPort });
}
