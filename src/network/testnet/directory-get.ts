import { get } from 'node:http';

/** An answer of a directory port; `text` is empty unless the status is 200. */
export interface DirectoryAnswer {
  readonly status: number;
  readonly text: string;
}

const MOST_BYTES = 16_000_000;
const TIMEOUT_MS = 5000;

/** One uncompressed document from an authority's DirPort. Rejects when nobody answers. */
export function directoryGet(host: string, port: number, path: string): Promise<DirectoryAnswer> {
  return new Promise((resolve, reject) => {
    const request = get({ host, port, path, agent: false, timeout: TIMEOUT_MS }, (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MOST_BYTES) request.destroy(new Error(`${path} is larger than ${MOST_BYTES} bytes`));
        else chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () => {
        const status = response.statusCode ?? 0;
        resolve({ status, text: status === 200 ? Buffer.concat(chunks).toString() : '' });
      });
    });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    request.once('error', reject);
  });
}
