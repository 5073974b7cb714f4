import { KistError, codeOf } from '../util/errors.js';
import { describeFailure } from './failure.js';
import type { Failure } from './failure.js';

/** What to tell a client whose request Node's parser refused; undefined where the connection is lost anyway. */
export function describeParserError(error: Error): Failure | undefined {
  const code = codeOf(error) ?? '';
  if (code === 'HPE_HEADER_OVERFLOW') {
    return failure('ERR_KIST_HEAD_TOO_LARGE', 'the head of the request is larger than this proxy takes');
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return failure('ERR_KIST_REQUEST_TIMEOUT', 'the head of the request did not come in time');
  }
  if (!code.startsWith('HPE_')) return undefined;
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
  return failure('ERR_KIST_BAD_REQUEST', `what came is not a valid HTTP/1.1 request: ${reason}`);
}

function failure(code: string, message: string): Failure {
  return describeFailure(new KistError(code, message));
}
