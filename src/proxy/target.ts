import { isIP, isIPv6 } from 'node:net';
import { KistError } from '../util/errors.js';
import type { DialTarget } from './stream-dialer.js';

/** A parsed request target: where the stream goes, and what the server is told (RFC 9112 section 3.2). */
export interface RequestTarget extends DialTarget {
  /** The Host header for the server: as the client wrote it, without user information. */
  authority: string;
  /** Path and query as the client wrote them, `*` for a server-wide OPTIONS. */
  path: string;
  /** Whether the request named the server itself (absolute-form) and so meant a proxy. */
  absolute: boolean;
}

const NAME = /^[A-Za-z0-9._~%!$&'()*+,;=-]{1,253}$/;

/** The 400 of the proxy; the message is shown to the client. */
export function badRequest(message: string): KistError {
  return new KistError('ERR_KIST_BAD_REQUEST', message, 'peer');
}

/** `host:port` as people read it, IPv6 in brackets. */
export function authorityOf(target: DialTarget): string {
  return isIPv6(target.host) ? `[${target.host}]:${target.port}` : `${target.host}:${target.port}`;
}

/** Parses `host`, `host:port`, `[v6]` or `[v6]:port`. Without `defaultPort` the port must be there. */
export function parseAuthority(text: string, defaultPort?: number): DialTarget {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(text);
  if (match === null) throw badRequest(`${quote(text)} is not host:port`);
  const host = match[1] ?? match[2] ?? '';
  if (match[1] === undefined ? !NAME.test(host) : !isIPv6(host) || host.includes('%')) {
    throw badRequest(`${quote(text)} names no usable host`);
  }
  if (/^[\d.]+$/.test(host) && isIP(host) === 0) throw badRequest(`${quote(host)} is not an IPv4 address`);
  const digits = match[3] ?? '';
  if (digits === '' && defaultPort === undefined) throw badRequest(`${quote(text)} names no port`);
  const port = digits === '' ? (defaultPort ?? 0) : Number(digits);
  if (!(port >= 1 && port <= 65535)) throw badRequest(`port ${digits} is not between 1 and 65535`);
  return { host, port };
}

/** The target of anything but CONNECT: absolute-form, or origin-form with the Host header's server. */
export function parseRequestTarget(
  method: string,
  url: string,
  hostHeader: string | undefined,
): RequestTarget {
  const match = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/([^/?#]*)([^#]*)/.exec(url);
  if (match !== null) return parseAbsolute(method, match[1] ?? '', match[2] ?? '', match[3] ?? '');
  if (!url.startsWith('/') && !(url === '*' && method === 'OPTIONS')) {
    throw badRequest(`${quote(url)} is neither a URL with http:// nor a path`);
  }
  if (hostHeader === undefined || hostHeader === '') {
    throw badRequest('the request has no Host header that says which server is meant');
  }
  const path = url.replace(/#.*$/, '');
  return { ...parseAuthority(hostHeader, 80), authority: hostHeader, path, absolute: false };
}

function parseAbsolute(method: string, scheme: string, rawAuthority: string, rest: string): RequestTarget {
  const name = scheme.toLowerCase();
  if (name === 'https' || name === 'wss') {
    throw badRequest(`a ${name}:// address needs a CONNECT request, so that only its server can read it`);
  }
  if (name !== 'http' && name !== 'ws') throw badRequest(`this proxy knows no ${quote(scheme)} addresses`);
  const authority = rawAuthority.slice(rawAuthority.lastIndexOf('@') + 1);
  const empty = method === 'OPTIONS' ? '*' : '/';
  const path = rest === '' ? empty : rest.startsWith('/') ? rest : `/${rest}`;
  return { ...parseAuthority(authority, 80), authority, path, absolute: true };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
