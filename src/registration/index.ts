/**
 * The Tor61 registration service: the directory of a Tor61 network, on one UDP port, and its web page.
 *
 * An agent sends Register (answered Registered with a lifetime), Fetch by name prefix (answered with at most 100
 * entries, drawn at random when there are more), Unregister and Probe (answered ACK). A registration is identified by
 * ip and port and goes through: absent -> registered (Register) -> renewed (Register again) -> absent (Unregister, end
 * of its lifetime, or an agent that used to answer Probes and stopped). `RegistrationTable` keeps them,
 * `RegistrationProber` asks who is still there, `RegistrationLog` keeps the last 250 lines, `RegistrationPage` shows
 * both over HTTP.
 *
 * Started by the command `kist-relay registration` and by the embedded network. It never opens a connection to anyone,
 * never keeps anything on disk and never trusts a sender: the protocol has no authentication, so it binds loopback
 * unless told otherwise.
 */
export { RegistrationPage } from './registration-page.js';
export type { RegistrationPageOptions } from './registration-page.js';
export { RegistrationService } from './registration-service.js';
export type { RegistrationServiceOptions, RegistrationServiceStats } from './registration-service.js';
export type { Registration } from './registration-table.js';
