/** A web server in a process of its own: what the exits reach. Prints its port; ends with its standard input. */
import { WebServer } from '../support/web-server.js';

const FORGET_MS = 1000;

const web = await WebServer.start();
// It keeps every request it saw, for tests that look; nobody looks here.
setInterval(() => void (web.requests.length = 0), FORGET_MS).unref();
process.stdin.resume();
process.stdin.once('end', () => process.exit());
console.log(web.port);
