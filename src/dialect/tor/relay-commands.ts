/** Numbers of relay messages (tor-spec 6.1). */
export const RELAY_COMMAND = {
  begin: 1,
  data: 2,
  end: 3,
  connected: 4,
  sendme: 5,
  extend: 6,
  extended: 7,
  truncate: 8,
  truncated: 9,
  drop: 10,
  resolve: 11,
  resolved: 12,
  beginDir: 13,
  extend2: 14,
  extended2: 15,
} as const;
