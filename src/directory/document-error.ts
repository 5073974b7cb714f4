import { KistError } from '../util/errors.js';

/** A directory document that breaks its format or does not verify. `code` is `ERR_KIST_DOCUMENT`. */
export function documentError(document: string, problem: string): KistError {
  return new KistError('ERR_KIST_DOCUMENT', `${document}: ${problem}`);
}
