import { bytesOf, sha256 } from './web-bytes.js';

/** Sizes go round in this list: 150 resources are about 5 MB, from one byte to a quarter of a megabyte. */
const SIZES = [
  1, 300, 498, 499, 4096, 10_007, 16_384, 33_333, 65_536, 262_144, 2_000, 12_345, 90_001, 700, 5_000,
];
const TYPES = [
  'text/css',
  'text/javascript',
  'image/png',
  'application/json',
  'font/woff2',
  'application/octet-stream',
];

/** Resource number `index` of every page: the same content wherever it is asked for. */
export function pageResource(index: number): { type: string; body: Buffer } {
  const size = SIZES[index % SIZES.length] ?? 0;
  return { type: TYPES[index % TYPES.length] ?? '', body: bytesOf(index * 7919, size) };
}

/** Bytes of all resources of `/page/count` together. */
export function pageBytes(count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += SIZES[i % SIZES.length] ?? 0;
  return total;
}

/**
 * A page that fetches its resources, compares each with its SHA-256, writes `OK n` or `FAILED ...` into its
 * title and posts the outcome to `/report`. crypto.subtle works there: http://127.0.0.1 is a secure context.
 */
export function pageHtml(count: number): string {
  const hashes = Array.from({ length: count }, (_, i) => sha256(pageResource(i).body));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>loading</title><link rel="icon" href="data:,"></head>
<body><p>${count} resources</p><script type="module">
const hashes = ${JSON.stringify(hashes)};
const failed = [];
let ok = 0;
const hex = (data) => [...new Uint8Array(data)].map((byte) => byte.toString(16).padStart(2, '0')).join('');
await Promise.all(hashes.map(async (expected, index) => {
  try {
    const answer = await fetch('/resource/' + index, { cache: 'no-store' });
    const digest = hex(await crypto.subtle.digest('SHA-256', await answer.arrayBuffer()));
    if (digest === expected) ok++;
    else failed.push(index + ': wrong bytes');
  } catch (error) {
    failed.push(index + ': ' + error.message);
  }
}));
await fetch('/report', { method: 'POST', body: JSON.stringify({ page: hashes.length, ok, failed }) }).catch(() => {});
document.title = failed.length === 0 ? 'OK ' + ok : 'FAILED ' + failed.join('; ');
</script></body></html>
`;
}
