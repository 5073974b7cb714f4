import { STATUS_CODES } from 'node:http';
import { proxyStatus } from './failure.js';
import { answerHead } from './headers.js';
import type { Failure } from './failure.js';

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:38em;margin:4em auto;padding:0 1em;color:#222}' +
  'h1{font-size:1.4em}code{background:#eee;padding:.1em .3em}small{color:#666}';

/** A page's status, headers (flat, with the right Content-Length) and body. */
export interface Page {
  status: number;
  headers: string[];
  body: Buffer;
}

/** The page that names the cause, the target and what to try. */
export function failurePage(failure: Failure, target: string | undefined): Page {
  const about = target === undefined ? '' : `<p>Asked for: <code>${escapeHtml(target)}</code></p>`;
  const html = document(
    `${failure.status} ${failure.title}`,
    `<p>${escapeHtml(failure.cause)}.</p>${about}<p>${escapeHtml(failure.advice)}</p>` +
      `<p><small>${escapeHtml(failure.code)}</small></p>`,
  );
  return page(failure.status, 'text/html; charset=utf-8', html, ['Proxy-Status', proxyStatus(failure)]);
}

/** What someone sees who opens the proxy's own address. */
export function helpPage(status: number, authority: string): Page {
  const proxy = escapeHtml(authority);
  const html = document(
    'This is the HTTP proxy of kist-relay',
    `<p>It is not a web site: enter <code>${proxy}</code> as the HTTP and HTTPS proxy of a program, and its ` +
      'requests travel through a circuit of relays.</p>' +
      `<p>To try it: <code>curl --proxy http://${proxy} http://example.com/</code></p>`,
  );
  return page(status, 'text/html; charset=utf-8', html, []);
}

/** The short answer of a refused CONNECT. */
export function failureText(failure: Failure, target: string | undefined): Page {
  const about = target === undefined ? '' : ` (${target})`;
  const text = `${failure.title}${about}: ${failure.cause}. ${failure.advice} [${failure.code}]\n`;
  return page(failure.status, 'text/plain; charset=utf-8', text, ['Proxy-Status', proxyStatus(failure)]);
}

/** A page as the bytes of a whole answer after which the connection closes. */
export function pageBytes({ status, headers, body }: Page): Buffer {
  const statusLine = `HTTP/1.1 ${status} ${reasonOf(status)}`;
  const head = answerHead(statusLine, [...headers, 'Connection', 'close']);
  return Buffer.concat([Buffer.from(head, 'latin1'), body]);
}

export function reasonOf(status: number): string {
  return STATUS_CODES[status] ?? 'Error';
}

function page(status: number, type: string, text: string, more: string[]): Page {
  const body = Buffer.from(text);
  const headers = ['Content-Type', type, 'Content-Length', String(body.length), 'Cache-Control', 'no-store'];
  headers.push('Content-Security-Policy', "default-src 'none'; style-src 'unsafe-inline'", ...more);
  return { status, headers, body };
}

function document(title: string, content: string): string {
  const safe = escapeHtml(title);
  return (
    `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>${safe}</title>` +
    `<style>${STYLE}</style></head>\n<body><h1>${safe}</h1>${content}</body></html>\n`
  );
}

function escapeHtml(text: string): string {
  const names: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (sign) => names[sign] ?? sign);
}
