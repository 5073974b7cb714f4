import { routerNumberOf } from '../dialect/tor61/router-name.js';
import type { RegistrationService } from './registration-service.js';
import type { Registration } from './registration-table.js';

/** Text for HTML content and quoted attributes; names come from strangers. */
export function escapeHtml(text: string): string {
  const entities: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (char) => entities[char] ?? char);
}

/** 59 s, 4 min 12 s, 3 h 7 min. */
export function formatSeconds(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  if (minutes === 0) return `${seconds} s`;
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const STYLE = `
  body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #222; }
  h1 { font-size: 1.3rem; } a { color: #0757a8; } nav a { margin-right: 1rem; }
  table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; }
  td.num, th.num { text-align: right; font-variant-numeric: tabular-nums; }
  pre { font-size: 12px; white-space: pre-wrap; overflow-wrap: anywhere; }
  @media (prefers-color-scheme: dark) {
    body { background: #16181c; color: #ddd; } a { color: #7ab8ff; } th, td { border-color: #333; }
  }`;

const LINKS = '<a href="/">Registrations</a><a href="/log">Log</a><a href="/registrations.json">JSON</a>';

function renderPage(title: string, content: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5">
<title>${escapeHtml(title)}</title>
<style>${STYLE}
</style>
</head>
<body>
<nav>${LINKS}</nav>
<h1>${escapeHtml(title)}</h1>
${content}
</body>
</html>
`;
}

function renderRow(registration: Registration, now: number): string {
  const { group, instance } = routerNumberOf(registration.agentId);
  const cells = [
    `<td>${escapeHtml(registration.name)}</td>`,
    `<td class="num" title="group ${group}, instance ${instance}">${registration.agentId}</td>`,
    `<td>${escapeHtml(registration.ip)}</td>`,
    `<td class="num">${registration.port}</td>`,
    `<td class="num">${formatSeconds(now - registration.since)}</td>`,
    `<td class="num">${formatSeconds(registration.expiresAt - now)}</td>`,
  ];
  return `<tr>${cells.join('')}</tr>`;
}

export function renderRegistrations(service: RegistrationService): string {
  const rows = service.registrations().map((registration) => renderRow(registration, service.now()));
  const head = ['Name', 'Agent ID', 'Address', 'Port', 'Age', 'Expires in'];
  const numeric = new Set(['Agent ID', 'Port', 'Age', 'Expires in']);
  const headCells = head.map((name) => `<th${numeric.has(name) ? ' class="num"' : ''}>${name}</th>`).join('');
  const table = `<table>\n<thead><tr>${headCells}</tr></thead>\n<tbody>\n${rows.join('\n')}\n</tbody>\n</table>`;
  const { address, port } = service.address();
  const where = `<p>${rows.length} registered at UDP ${escapeHtml(address)}:${port}.</p>`;
  return renderPage(
    'Tor61 registrations',
    rows.length === 0 ? `${where}\n<p>No relay yet.</p>` : `${where}\n${table}`,
  );
}

export function renderLog(service: RegistrationService): string {
  const lines = service.logLines();
  return renderPage(
    'Registration service log',
    `<p>The last ${lines.length} lines, oldest first.</p>\n<pre>${escapeHtml(lines.join('\n'))}</pre>`,
  );
}

export function registrationsJson(service: RegistrationService): string {
  const now = service.now();
  const registrations = service.registrations().map((registration) => ({
    name: registration.name,
    agentId: registration.agentId,
    address: registration.ip,
    port: registration.port,
    ageSeconds: Math.round((now - registration.since) / 1000),
    expiresInSeconds: Math.round((registration.expiresAt - now) / 1000),
  }));
  return `${JSON.stringify({ lifetimeSeconds: service.lifetimeSeconds, registrations }, null, 2)}\n`;
}
