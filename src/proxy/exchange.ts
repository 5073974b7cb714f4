import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage, InformationEvent, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { KistError, codeOf, messageOf, timeoutError } from '../util/errors.js';
import { endAnswer, sendPage } from './closing-answer.js';
import { dial } from './dial.js';
import { describeFailure } from './failure.js';
import {
  answerHead,
  answerHeaders,
  hasBody,
  passableTrailers,
  requestHeaders,
  switchingHead,
} from './headers.js';
import { IdleTimer } from './idle-timer.js';
import { failurePage } from './pages.js';
import { ignoreError } from './proxy-context.js';
import type { ProxyContext } from './proxy-context.js';
import { pump } from './pump.js';
import { resetSocket } from './reset-socket.js';
import { authorityOf } from './target.js';
import type { RequestTarget } from './target.js';

/** What becomes of a 101: the head for the client, the stream, and the first bytes on it. */
export type OnSwitched = (answerHead: string, stream: Duplex, first: Buffer) => void;

/**
 * One request and its answer, over a stream of its own. Waiting for the stream, then for the answer's head,
 * then relaying; a failure before the answer's head is a page, one after it cuts the client's connection so
 * that the client sees that something is missing. The client's leaving destroys the stream at once.
 */
export class Exchange {
  readonly #context: ProxyContext;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #target: RequestTarget;
  readonly #onSwitched: OnSwitched | undefined;
  readonly #left = new AbortController();
  #stream: Duplex | undefined;
  #idle: IdleTimer | undefined;
  #stopUpload: (() => void) | undefined;
  #continued = false;
  #answer: IncomingMessage | undefined;
  #done = false;

  constructor(
    context: ProxyContext,
    request: IncomingMessage,
    response: ServerResponse,
    target: RequestTarget,
    onSwitched?: OnSwitched,
  ) {
    this.#context = context;
    this.#request = request;
    this.#response = response;
    this.#target = target;
    this.#onSwitched = onSwitched;
  }

  run(): void {
    this.#request.on('error', ignoreError);
    this.#response.on('error', ignoreError);
    this.#response.on('close', () => this.#finish());
    dial(this.#context, this.#target, this.#left.signal).then(
      (stream) => this.#send(stream),
      (error: unknown) => this.#fail(error),
    );
  }

  /** Lets go of everything but the client. Idempotent. */
  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    this.#left.abort();
    this.#idle?.cancel();
    this.#stopUpload?.();
    this.#stream?.destroy();
  }

  #send(stream: Duplex): void {
    if (this.#done) return void stream.destroy();
    this.#stream = stream;
    const { idleTimeoutMs, clock } = this.#context;
    this.#idle = new IdleTimer(clock, idleTimeoutMs, () => this.#onSilence());
    try {
      this.#startUpload(this.#makeUpstream(stream));
    } catch (error) {
      this.#fail(new KistError('ERR_KIST_BAD_REQUEST', messageOf(error)));
    }
  }

  #makeUpstream(stream: Duplex): ClientRequest {
    const upstream = httpRequest({
      createConnection: () => stream,
      method: this.#request.method,
      path: this.#target.path,
      headers: requestHeaders(this.#request, this.#target, this.#onSwitched !== undefined),
      setHost: false,
      maxHeaderSize: this.#context.maxHeaderBytes,
      // A stream carries one answer, so a lenient reading (bare line feeds, as typed into nc) can confuse no other.
      insecureHTTPParser: true,
    });
    upstream.maxHeadersCount = 0;
    upstream.on('information', (info) => this.#relayInformation(info));
    upstream.on('response', (answer) => this.#relay(answer));
    upstream.on('error', (error) => this.#onUpstreamError(error));
    upstream.on('close', () => this.#onUpstreamError(new Error('socket hang up')));
    if (this.#onSwitched !== undefined) upstream.on('upgrade', this.#switch);
    return upstream;
  }

  #startUpload(upstream: ClientRequest): void {
    const request = this.#request;
    upstream.flushHeaders();
    if (!hasBody(request)) return void upstream.end();
    this.#stopUpload = pump(request, upstream, (count) => {
      this.#context.stats.bytesUp += count;
      this.#idle?.touch();
    });
    request.on('end', () => {
      if (this.#done) return;
      const trailers = passableTrailers(request.rawTrailers);
      if (trailers.length > 0) upstream.addTrailers(trailers);
      upstream.end();
    });
  }

  #relayInformation(info: InformationEvent): void {
    this.#idle?.touch();
    const response = this.#response;
    if (this.#done || this.#request.httpVersion !== '1.1' || response.headersSent) return;
    if (info.statusCode === 100) {
      this.#continued = true;
      return response.writeContinue();
    }
    try {
      const head = answerHead(`HTTP/1.1 ${info.statusCode} ${info.statusMessage}`, info.rawHeaders);
      // Behind another answer on the same connection there is no socket yet; such a hint may be lost.
      response.socket?.write(head, 'latin1');
    } catch (error) {
      this.#fail(unusableHead(error));
    }
  }

  #relay(answer: IncomingMessage): void {
    answer.on('error', ignoreError);
    if (this.#done) return;
    const response = this.#response;
    this.#answer = answer;
    try {
      this.#writeHead(answer);
    } catch (error) {
      return this.#fail(unusableHead(error));
    }
    if (this.#isEndless(answer)) this.#idle?.restart(this.#context.endlessAnswerMs);
    else this.#idle?.touch();
    pump(answer, response, (count) => {
      this.#context.stats.bytesDown += count;
      this.#idle?.touch();
    });
    answer.on('end', () => this.#onAnswerEnd(answer));
    answer.on('close', () => this.#fail(this.#stream?.errored ?? truncated()));
  }

  #writeHead(answer: IncomingMessage): void {
    const response = this.#response;
    const coding = answer.headers['transfer-encoding']?.trim().toLowerCase();
    if (coding !== undefined && coding !== 'chunked')
      throw new Error(`transfer coding ${coding} is not known here`);
    const waits = this.#request.headers.expect !== undefined && !this.#continued;
    // A client that was never told to continue may send its body or not: nothing after it could be understood.
    if (waits && !this.#request.complete) response.shouldKeepAlive = false;
    response.sendDate = false;
    response.writeHead(answer.statusCode ?? 502, answer.statusMessage, answerHeaders(answer));
    response.flushHeaders();
  }

  #onAnswerEnd(answer: IncomingMessage): void {
    if (this.#done || !answer.complete) return;
    const trailers = passableTrailers(answer.rawTrailers);
    if (trailers.length > 0) this.#response.addTrailers(trailers);
    this.#endAnswer();
  }

  #endAnswer(): void {
    this.#finish();
    endAnswer(this.#context, this.#request, this.#response);
  }

  /** Whether only the end of the stream ends the answer. */
  #isEndless(answer: IncomingMessage): boolean {
    const { statusCode, headers } = answer;
    if (this.#request.method === 'HEAD' || statusCode === 204 || statusCode === 304) return false;
    return headers['content-length'] === undefined && headers['transfer-encoding'] === undefined;
  }

  #onSilence(): void {
    const { idleTimeoutMs } = this.#context;
    const answer = this.#answer;
    // Some exits never say that a server closed, so silence ends such an answer; a slow reader is no silence.
    if (answer !== undefined && this.#isEndless(answer) && !this.#response.writableNeedDrain) {
      return this.#endAnswer();
    }
    this.#fail(timeoutError(authorityOf(this.#target), idleTimeoutMs));
  }

  #onUpstreamError(error: Error): void {
    // Once the answer runs, its own end decides: a server may stop reading the request and still answer.
    if (this.#answer !== undefined) return;
    if (codeOf(error)?.startsWith('ERR_KIST_') === true) return this.#fail(error);
    const streamError = this.#stream?.errored;
    if (codeOf(streamError)?.startsWith('ERR_KIST_') === true) return this.#fail(streamError);
    this.#fail(badAnswer(error));
  }

  #fail(error: unknown): void {
    if (this.#done) return;
    const response = this.#response;
    const failure = describeFailure(error);
    const target = authorityOf(this.#target);
    this.#context.stats.countError(failure.code);
    this.#context.logger.debug({ target, code: failure.code, cause: failure.cause }, 'A request failed.');
    this.#finish();
    if (!response.headersSent)
      return sendPage(this.#context, this.#request, response, failurePage(failure, target));
    // Where only the close of the connection ends the answer, a plain close would look like a good end.
    const framed = response.chunkedEncoding || this.#answer?.headers['content-length'] !== undefined;
    if (framed || response.socket === null) response.destroy();
    else resetSocket(response.socket);
  }

  #switch = (answer: IncomingMessage, stream: Duplex, head: Buffer): void => {
    if (this.#done) return void stream.destroy();
    try {
      const answerText = switchingHead(answer);
      this.#done = true;
      this.#idle?.cancel();
      this.#onSwitched?.(answerText, stream, head);
    } catch (error) {
      this.#fail(unusableHead(error));
    }
  };
}

function unusableHead(error: unknown): KistError {
  const message = `the server's answer has a head that cannot be passed on: ${messageOf(error)}`;
  return new KistError('ERR_KIST_BAD_ANSWER', message);
}

function truncated(): KistError {
  return new KistError('ERR_KIST_BAD_ANSWER', "the server's answer stopped in the middle");
}

function badAnswer(error: Error): KistError {
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
  const isParser = codeOf(error)?.startsWith('HPE_') === true;
  const message = isParser
    ? `what the server sent is not HTTP: ${reason}`
    : 'the server closed the connection without an answer';
  return new KistError('ERR_KIST_BAD_ANSWER', message, 'peer', error);
}
